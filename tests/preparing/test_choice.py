from dataclasses import replace
from typing import Any

import pytest

from striate.data.augment.augment import PRESETS, Augment
from striate.errors import UsageError
from striate.learning.optim import OPTIMIZERS
from striate.pictures.preprocess import choose_side
from striate.preparing.choice import Facts, choose_plan, refuse_unused
from striate.preparing.settings import Settings

FACTS = Facts(pictures=10_000, grey=True, side=28, net="resnet9", normed=True, layers=9)


def test_every_choice_is_told_with_its_reason() -> None:
    plan, choices = choose_plan(Settings(), FACTS)
    assert [str(choice) for choice in choices] == [
        "epochs 7: about 70,000 pictures seen in all",
        "batch 128: for 10,000 training pictures",
        "augment digits: grey pictures",
        "optimizer nesterov: the default",
        "lr 0.1: for nesterov at batch 128, a network with norms",
        "weight_decay 0.0005: for nesterov",
    ]
    values = {choice.name: choice.value for choice in choices}
    assert plan.augment == PRESETS[str(values.pop("augment"))]
    assert all(getattr(plan, name) == value for name, value in values.items())


def test_the_rate_is_lower_without_norms_and_lowest_in_a_deep_network() -> None:
    shallow = replace(FACTS, pictures=100, grey=False, net="lenet5", normed=False, layers=6)
    _, choices = choose_plan(Settings(), shallow)
    assert [str(choice) for choice in choices] == [
        "epochs 40: the most chosen; 100 training pictures are few",
        "batch 16: for 100 training pictures",
        "augment small-photos: colour pictures of under 64 pixels",
        "optimizer nesterov: the default",
        "lr 0.00625: for nesterov at batch 16, a network with no norms, few layers",
        "weight_decay 0.0005: for nesterov",
    ]
    _, choices = choose_plan(Settings(), replace(shallow, layers=8))
    assert str(choices[4]) == "lr 0.00125: for nesterov at batch 16, a network with no norms, many layers"


@pytest.mark.parametrize(
    ("grey", "side", "told"),
    [
        (True, 224, "augment digits: grey pictures"),
        (False, 63, "augment small-photos: colour pictures of under 64 pixels"),
        (False, 64, "augment photos: colour pictures of 64 pixels or more"),
    ],
)
def test_colour_pictures_are_cropped_where_they_are_large_enough(grey: bool, side: int, told: str) -> None:
    _, choices = choose_plan(Settings(), replace(FACTS, grey=grey, side=side))
    assert str(choices[2]) == told


def test_erasing_replaces_that_of_the_augmentation_chosen_or_asked_for() -> None:
    plan, _ = choose_plan(Settings(erasing=0.5), FACTS)
    assert plan.augment == replace(PRESETS["digits"], erasing=0.5)
    plan, _ = choose_plan(Settings(augment="strong", erasing=0.0), FACTS)
    assert plan.augment == replace(PRESETS["strong"], erasing=0.0)


def test_an_augmentation_of_ones_own_is_taken_as_it_is() -> None:
    own = Augment(alternate=True, shift=0.05)
    plan, choices = choose_plan(Settings(augment=own), FACTS)
    assert plan.augment == own
    assert "augment" not in {choice.name for choice in choices}


def test_mixing_is_refused_where_a_network_learns_by_its_own_rule() -> None:
    with pytest.raises(UsageError) as raised:
        choose_plan(Settings(cutmix=1.0), replace(FACTS, net="perceptron", own_rate=0.02))
    assert str(raised.value) == (
        "perceptron learns by its own rule, which takes one label a picture. Leave mixup and cutmix at 0."
    )


def test_adamw_has_its_own_rate() -> None:
    plan, _ = choose_plan(Settings(optimizer="adamw", batch=16), FACTS)
    assert plan.lr == pytest.approx(0.002 * (16 / 128) ** 0.5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_has_its_usual_settings(optimizer: str) -> None:
    plan, _ = choose_plan(Settings(optimizer=optimizer, batch=128), FACTS)
    method = OPTIMIZERS[optimizer]
    assert (plan.lr, plan.momentum, plan.weight_decay) == (
        method.rates.norms, method.momentum or 0.0, method.weight_decay,
    )  # fmt: skip
    halved, _ = choose_plan(Settings(optimizer=optimizer, batch=64), replace(FACTS, normed=False))
    assert halved.lr == pytest.approx(method.rates.many * 0.5**method.power)
    tuned, _ = choose_plan(Settings(optimizer=optimizer, batch=128), replace(FACTS, pretrained=True))
    assert tuned.lr == pytest.approx(plan.lr / 10)


def test_sgd_has_no_momentum_unless_it_is_asked_for() -> None:
    assert choose_plan(Settings(optimizer="sgd"), FACTS)[0].momentum == 0
    assert choose_plan(Settings(optimizer="sgd", momentum=0.9), FACTS)[0].momentum == 0.9


def test_a_schedule_warms_up_as_it_does_by_itself_or_as_asked() -> None:
    asked = [
        Settings(),
        Settings(schedule="cosine"),
        Settings(warmup=0.0),
        Settings(schedule="step", warmup=0.1),
    ]
    assert [choose_plan(settings, FACTS)[0].warmup for settings in asked] == [0.2, 0, 0, 0.1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "stepp"}, "Unknown schedule 'stepp'. Did you mean 'step'?"),
        ({"optimizer": "mun"}, "Unknown optimizer 'mun'. Did you mean 'muon'?"),
        (
            {"schedule": "step", "plateau_patience": 2},
            "--plateau-patience is for --schedule plateau, and this is step.",
        ),
    ],
)
def test_settings_of_no_sense_are_refused_when_made(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        Settings(**settings)
    assert str(raised.value) == message


def test_a_network_that_learns_by_its_own_rule_gets_the_rules_rate() -> None:
    plan, choices = choose_plan(Settings(), replace(FACTS, own_rate=0.02))
    assert plan.lr == 0.02
    assert "lr 0.02: usual for the network's own learning rule" in map(str, choices)
    assert not {"optimizer", "weight_decay"} & {choice.name for choice in choices}


def test_many_pictures_are_seen_five_times() -> None:
    _, choices = choose_plan(Settings(), replace(FACTS, pictures=60_000))
    assert str(choices[0]) == "epochs 5: the fewest chosen; 60,000 training pictures are many"


def test_what_is_asked_is_taken_and_not_told() -> None:
    asked = Settings(
        epochs=1, batch=2, augment="none", optimizer="sgd", lr=0.0, layout="contiguous", weight_decay=0.0
    )
    plan, choices = choose_plan(asked, FACTS)
    assert choices == []
    assert (plan.epochs, plan.batch, plan.augment, plan.optimizer) == (1, 2, PRESETS["none"], "sgd")
    assert (plan.lr, plan.weight_decay, plan.layout) == (0.0, 0.0, "contiguous")


def test_the_rate_follows_the_batch_that_was_asked_for() -> None:
    plan, _ = choose_plan(Settings(batch=64), FACTS)
    assert plan.lr == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("pictures", "epochs", "batch"), [(2, 40, 16), (320, 40, 16), (2_560, 28, 128), (10**6, 5, 128)]
)
def test_small_sets_are_seen_oftener_in_smaller_batches(pictures: int, epochs: int, batch: int) -> None:
    plan, _ = choose_plan(Settings(), replace(FACTS, pictures=pictures))
    assert (plan.epochs, plan.batch) == (epochs, batch)


@pytest.mark.parametrize(
    ("size", "own", "median", "side", "reason"),
    [
        (50, 32, 100, 50, "as asked"),
        (None, 32, 100, 32, "what the network was made for"),
        (None, None, 30, 28, "the pictures' median shorter side is 30"),
        (None, None, 8, 24, "the pictures' median shorter side is 8"),
        (None, None, 4000, 96, "the pictures' median shorter side is 4000"),
    ],
)
def test_the_side_is_as_asked_or_the_networks_own_or_the_pictures(
    size: int | None, own: int | None, median: int, side: int, reason: str
) -> None:
    assert choose_side(size=size, median=median, own=own) == (side, reason)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("size", 0, "size is 0; it must be at least 1."),
        ("threads", 0, "threads is 0; it must be at least 1."),
        ("fit", "stretch", "Unknown fit 'stretch'. Known: crop, pad, squash."),
        ("augment", "photo", "Unknown augmentation 'photo'. Did you mean 'photos'?"),
        ("erasing", 1.5, "erasing is 1.5; it must be at least 0 and at most 1."),
        ("mixup", -0.2, "mixup is -0.2; it must be at least 0 and at most 100."),
        ("cutmix", float("nan"), "cutmix is nan; it must be at least 0 and at most 100."),
        ("epochs", 0, "epochs is 0; it must be at least 1."),
        ("lr", -1.0, "lr is -1.0; it must be at least 0."),
        ("warmup", 2.0, "warmup is 2.0; it must be at least 0 and under 1."),
        ("body_lr", 3.0, "body_lr is 3.0; it must be from 0 to 1."),
        ("progressive", 2.0, "progressive is 2.0; it must be over 0 and at most 1."),
        ("dropout", 1.0, "dropout is 1.0; it must be at least 0 and under 1."),
        ("seed", -1, "seed is -1; it must be at least 0 and under 2^63."),
        ("sampling", "balansed", "Unknown sampling 'balansed'. Did you mean 'balanced'?"),
    ],
)
def test_settings_that_make_no_sense_are_refused_when_made(setting: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        Settings(**{setting: value})
    assert str(raised.value) == message


def test_more_parts_than_pictures_are_refused_as_soon_as_the_batch_is_known() -> None:
    with pytest.raises(UsageError) as raised:
        Settings(accumulate=9, batch=8)
    assert str(raised.value) == "accumulate is 9; it must be at most the batch, which is 8."
    with pytest.raises(UsageError) as raised:
        choose_plan(Settings(accumulate=999), FACTS)
    assert str(raised.value) == "accumulate is 999; it must be at most the batch, which is 128."


def test_pictures_with_numbers_are_not_changed_and_nothing_is_smoothed() -> None:
    plan, choices = choose_plan(Settings(), replace(FACTS, task="regression"))
    assert "augment none: a shift or a mirror may change the numbers" in map(str, choices)
    assert (plan.augment, plan.label_smoothing) == (PRESETS["none"], 0.0)


def test_only_classes_are_smoothed_unless_asked() -> None:
    assert choose_plan(Settings(), FACTS)[0].label_smoothing == 0.1
    several = replace(FACTS, task="multi-label")
    assert choose_plan(Settings(), several)[0].label_smoothing == 0
    assert choose_plan(Settings(label_smoothing=0.2), several)[0].label_smoothing == 0.2


def test_what_is_usual_is_taken_where_nothing_is_asked() -> None:
    plan, _ = choose_plan(Settings(), FACTS)
    assert (plan.momentum, plan.class_weights, plan.sampling) == (0.9, "none", "natural")
    plan, _ = choose_plan(Settings(momentum=0.0, class_weights="sqrt", sampling="balanced"), FACTS)
    assert (plan.momentum, plan.class_weights, plan.sampling) == (0.0, "sqrt", "balanced")


def test_asking_for_nothing_is_never_refused() -> None:
    nothing = Settings(label_smoothing=0.0, class_weights="none", sampling="natural")
    refuse_unused(nothing, net="resnet9", own_rule=False, task="regression")
    refuse_unused(nothing, net="adaline", own_rule=True, task="classification")


@pytest.mark.parametrize(
    ("asked", "own_rule", "task", "message"),
    [
        (Settings(), True, "multi-label", "adaline learns by its own rule, which knows one class a picture; these data "
         "are for multi-label. Give another --net."),
        (Settings(weight_decay=0.0), True, "classification",
         "adaline learns by its own rule, which has no --weight-decay. Leave it out."),
        (Settings(accumulate=2), True, "classification",
         "adaline learns by its own rule, which has no --accumulate. Leave it out."),
        (Settings(clip_norm=1.0), True, "classification",
         "adaline learns by its own rule, which has no --clip-norm. Leave it out."),
        (Settings(sampling="balanced"), False, "regression",
         "--sampling is for classes, and these data have numbers. Leave it out."),
    ],
)  # fmt: skip
def test_what_would_do_nothing_is_refused(asked: Settings, own_rule: bool, task: Any, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        refuse_unused(asked, net="adaline", own_rule=own_rule, task=task)
    assert str(raised.value) == message
