import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from striate.data.augment.augment import PRESETS, Augment
from striate.errors import DataError, UsageError
from striate.pictures.preprocess import Preprocess
from striate.runs.folder.recipe import Plan, Recipe, load_recipe
from striate.tasks.regression import Scale

PLAN = Plan(
    epochs=3,
    batch=16,
    augment=PRESETS["strong"],
    optimizer="adamw",
    lr=0.001,
    momentum=0.9,
    weight_decay=0.05,
    label_smoothing=0.1,
    schedule="cosine",
    layout="contiguous",
    checkpoint_every=0,
    mixup=0.2,
    cutmix=1.0,
)
RECIPE = Recipe(
    data='/사진/a "quoted" folder',
    net="conv3-4 relu gap fc-classes",
    weights="",
    seed=2**63 - 1,
    preprocess=Preprocess(size=(8, 8), channels=3, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 1 / 3), fit="squash"),
    train=PLAN,
)


def test_a_recipe_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    RECIPE.save(tmp_path / "recipe.toml")
    assert load_recipe(tmp_path / "recipe.toml") == RECIPE
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


def test_a_recipe_of_numbers_keeps_what_they_are_measured_in(tmp_path: Path) -> None:
    scale = Scale(mean=(1 / 3, 1e9), std=(0.1, 2.0))
    recipe = replace(RECIPE, task="regression", targets=scale)
    recipe.save(tmp_path / "recipe.toml")
    assert load_recipe(tmp_path / "recipe.toml") == recipe
    assert recipe.to_dict()["targets"] == {"mean": (1 / 3, 1e9), "std": (0.1, 2.0)}
    assert "targets" not in RECIPE.to_dict()


@pytest.mark.parametrize(("schedule", "warmup"), [("one-cycle", 0.2), ("cosine", 0.0)])
def test_a_recipe_without_a_warmup_has_that_of_its_schedule(
    tmp_path: Path, schedule: str, warmup: float
) -> None:
    path = tmp_path / "recipe.toml"
    replace(RECIPE, train=replace(PLAN, schedule=schedule, warmup=0.7)).save(path)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("warmup", "plateau_patience"))]
    assert len(kept) == len(lines) - 2
    path.write_text("".join(kept), encoding="utf-8")
    assert load_recipe(path).train == replace(PLAN, schedule=schedule, warmup=warmup)


def test_a_recipe_without_a_task_is_one_of_classification(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    RECIPE.save(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("task", "class_weights", "sampling"))]
    assert len(kept) == len(lines) - 3
    path.write_text("\n".join(kept), encoding="utf-8")
    assert load_recipe(path) == RECIPE


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("epochs", 0, "epochs is 0; it must be at least 1."),
        ("batch", -1, "batch is -1; it must be at least 1."),
        ("lr", -0.1, "lr is -0.1; it must be at least 0."),
        ("lr", float("nan"), "lr is nan; it must be at least 0."),
        ("lr", 1e300, "lr is 1e+300; it must be finite in float32."),
        ("lr", float("inf"), "lr is inf; it must be finite in float32."),
        ("weight_decay", -1, "weight_decay is -1; it must be at least 0."),
        ("checkpoint_every", -1, "checkpoint_every is -1; it must be at least 0."),
        ("accumulate", 0, "accumulate is 0; it must be at least 1."),
        ("accumulate", 17, "accumulate is 17; it must be at most the batch, which is 16."),
        ("clip_norm", -1.0, "clip_norm is -1.0; it must be at least 0."),
        ("ema", 1.0, "ema is 1.0; it must be at least 0 and under 1."),
        ("ema", float("nan"), "ema is nan; it must be at least 0."),
        (
            "on_divergence",
            "halt",
            "Unknown way on divergence 'halt'. Known: rollback, stop.",
        ),
        ("momentum", 1.0, "momentum is 1.0; it must be at least 0 and under 1."),
        ("label_smoothing", 1.5, "label_smoothing is 1.5; it must be at least 0 and under 1."),
        ("optimizer", "nestrov", "Unknown optimizer 'nestrov'. Did you mean 'nesterov'?"),
        ("schedule", "steps", "Unknown schedule 'steps'. Did you mean 'step'?"),
        ("warmup", 1.0, "warmup is 1.0; it must be at least 0 and under 1."),
        ("plateau_patience", 0, "plateau_patience is 0; it must be at least 1."),
        ("mixup", -1.0, "mixup is -1; it must be at least 0 and at most 100."),
        ("cutmix", 101.0, "cutmix is 101; it must be at least 0 and at most 100."),
        ("layout", "channel_last", "Unknown layout 'channel_last'. Did you mean 'channels_last'?"),
        ("class_weights", "balance", "Unknown class weights 'balance'. Did you mean 'balanced'?"),
        ("sampling", "sqrt", "Unknown sampling 'sqrt'. Known: balanced, natural."),
        ("frozen", 1.5, "frozen is 1.5; it must be from 0 to 1."),
        ("body_lr", -0.1, "body_lr is -0.1; it must be from 0 to 1."),
        ("progressive", 0.0, "progressive is 0.0; it must be over 0 and at most 1."),
        ("patience", -1, "patience is -1; it must be at least 0."),
        ("dropout", 1.0, "dropout is 1.0; it must be at least 0 and under 1."),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_when_made(setting: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        replace(PLAN, **{setting: value})
    assert str(raised.value) == message


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(UsageError) as raised:
        replace(RECIPE, seed=seed)
    assert str(raised.value) == f"seed is {seed}; it must be at least 0 and under 2^63."


BROKEN = {
    "epochs = 3": ("", "{path}: not a whole recipe ({reason}). Restore it from a copy."),
    "[preprocess]": (
        "[other]",
        "{path}: not a whole recipe ('preprocess' is missing). Restore it from a copy.",
    ),
    "seed = 9223372036854775807": (
        'seed = "one"',
        "{path}: not a whole recipe (seed is 'one'). Restore it from a copy.",
    ),
    'optimizer = "adamw"': (
        'optimizer = "lion"',
        "{path}: not a whole recipe (Unknown optimizer 'lion'. Known: adadelta, adagrad, adam, adamw, momentum, muon, "
        "nesterov, rmsprop, sgd). Restore it from a copy.",
    ),
    "format = 2": ("", "{path}: not a whole recipe ('format' is missing). Restore it from a copy."),
    "schedule =": (
        "schedule",
        "{path}: cannot be read (Expected '=' after a key in a key/value pair (at line {number}, column 10)). "
        "Restore it from a copy.",
    ),
}


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_recipe_is_refused_with_its_path(tmp_path: Path, line: str) -> None:
    path = tmp_path / "recipe.toml"
    RECIPE.save(path)
    text = path.read_text(encoding="utf-8")
    assert line in text
    number = next(i for i, row in enumerate(text.splitlines(), 1) if line in row)
    instead, message = BROKEN[line]
    path.write_text(text.replace(line, instead), encoding="utf-8")
    with pytest.raises(DataError) as raised:
        load_recipe(path)
    reason = "Plan.__init__() missing 1 required keyword-only argument: 'epochs'"
    assert str(raised.value) == message.format(path=path, reason=reason, number=number)


def test_a_recipe_written_before_there_was_depth_means_8(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    RECIPE.save(path)
    text = path.read_text(encoding="utf-8")
    assert "depth = 8\n" in text
    path.write_text(text.replace("depth = 8\n", ""), encoding="utf-8")
    assert load_recipe(path) == RECIPE


def test_a_recipe_of_many_channels_and_16_bits_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    deep = replace(RECIPE.preprocess, channels=12, mean=(0.5,) * 12, std=(0.25,) * 12, depth=16)
    recipe = replace(RECIPE, preprocess=deep)
    recipe.save(path)
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("channels", "reason"),
    [("2", "mean has 3 values for 2 channels"), ("0", "channels is 0; it must be at least 1")],
)
def test_channels_that_cannot_be_are_refused(tmp_path: Path, channels: str, reason: str) -> None:
    path = tmp_path / "recipe.toml"
    RECIPE.save(path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("channels = 3", f"channels = {channels}"), encoding="utf-8")
    with pytest.raises(DataError) as raised:
        load_recipe(path)
    assert str(raised.value) == f"{path}: not a whole recipe ({reason}). Restore it from a copy."


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("data", "5", "5"),
        ("net", "['a']", "['a']"),
        ("seed", "1.5", "1.5"),
        ("size", "[8, '8']", "[8, '8']"),
        ("size", "[8, 8, 8]", "[8, 8, 8]"),
        ("size", "8", "8"),
        ("channels", "2.5", "2.5"),
        ("depth", "12", "12"),
        ("channels", "true", "True"),
        ("fit", "'stretch'", "'stretch'"),
        ("epochs", "2.5", "2.5"),
        ("epochs", "true", "True"),
        ("lr", "'0.1'", "'0.1'"),
        ("flip", "1", "1"),
        ("area", "[0.5, 'all']", "[0.5, 'all']"),
        ("fill", "'blue'", "'blue'"),
        ("task", "'detection'", "'detection'"),
        ("sampling", "1", "1"),
    ],
)
def test_a_setting_of_another_type_is_refused(tmp_path: Path, name: str, value: str, shown: str) -> None:
    path = tmp_path / "recipe.toml"
    RECIPE.save(path)
    text = path.read_text(encoding="utf-8")
    changed = re.sub(rf"^{name} = (\[[^]]*\]|.*)$", f"{name} = {value}", text, flags=re.MULTILINE)
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(DataError) as raised:
        load_recipe(path)
    assert str(raised.value) == f"{path}: not a whole recipe ({name} is {shown}). Restore it from a copy."


def test_a_recipe_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("format = 3\n")
    with pytest.raises(DataError) as raised:
        load_recipe(path)
    assert str(raised.value) == (
        f"{tmp_path}: written by a newer striate (run format 3, this version reads up to 2). "
        "Upgrade with: pip install -U striate"
    )


def test_a_folder_without_a_recipe_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        load_recipe(tmp_path / "recipe.toml")
    assert str(raised.value) == f"{tmp_path}: not a run folder (it has no recipe.toml)."


@pytest.mark.parametrize(
    ("name", "meant"),
    [("none", Augment()), ("digits", Augment(shift=0.07)), ("photos", Augment(shift=0.1, flip=True))],
)
def test_a_recipe_that_names_its_augmentation_means_what_the_name_then_did(
    tmp_path: Path, name: str, meant: Augment
) -> None:
    path = tmp_path / "recipe.toml"
    RECIPE.save(path)
    text, table, _ = path.read_text(encoding="utf-8").partition("[train.augment]")
    assert table
    path.write_text(text.replace("epochs = 3", f'epochs = 3\naugment = "{name}"'), encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace("format = 2", "format = 1"), encoding="utf-8")
    assert load_recipe(path) == replace(RECIPE, train=replace(PLAN, augment=meant))
    path.write_text(text.replace("epochs = 3", "epochs = 3\naugment = 'photo'"), encoding="utf-8")
    with pytest.raises(DataError) as raised:
        load_recipe(path)
    reason = "Unknown augmentation 'photo'. Did you mean 'photos'?"
    assert str(raised.value) == f"{path}: not a whole recipe ({reason}). Restore it from a copy."


def test_a_recipe_holds_every_number_of_its_augmentation(tmp_path: Path) -> None:
    RECIPE.save(tmp_path / "recipe.toml")
    table = tomllib.loads((tmp_path / "recipe.toml").read_text(encoding="utf-8"))["train"]["augment"]
    assert table.keys() == {field.name for field in fields(Augment)}
    assert (table["area"], table["trivial"], table["erasing"], table["fill"]) == (
        [0.2, 1.0],
        True,
        0.25,
        "edge",
    )
