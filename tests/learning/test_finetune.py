import pytest
import torch
from torch import nn

from striate.errors import UsageError
from striate.learning.finetune import FineTuning
from striate.learning.optim import OPTIMIZERS, Hyper, make_optimizer
from striate.nets.blueprint import Blueprint
from striate.preparing.choice import Facts, choose_plan
from striate.preparing.settings import Settings

FACTS = Facts(pictures=200, grey=False, side=128, net="resnet18", normed=True, layers=20)
HEAD = frozenset({"3.weight", "3.bias"})


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def tuning(model: nn.Module, *, frozen: float = 0.25, body_lr: float = 0.1) -> FineTuning:
    return FineTuning(model, head=HEAD, frozen=frozen, body_lr=body_lr)


def learning(model: nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_only_the_head_learns_at_first_and_then_everything() -> None:
    model = network().train()
    every = learning(model)
    tuned = tuning(model)
    for progress, learns in ((0.0, HEAD), (0.24, HEAD), (0.25, every), (0.9, every), (0.1, HEAD)):
        tuned.set(progress)
        assert learning(model) == learns


@pytest.mark.parametrize("progress", [0.1, 0.3])
def test_batch_norms_work_as_in_use_whatever_the_mode_was(progress: float) -> None:
    model = network().train()
    tuned = tuning(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(3):
        model.train()  # as an evaluation leaves it
        tuned.set(progress)
        model(torch.randn(8, 1, 4, 4))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_run_that_goes_back_makes_its_optimizer_of_everything_again() -> None:
    model = network()
    every = learning(model)
    tuned = tuning(model)
    tuned.set(0.0)
    tuned.thaw()
    assert learning(model) == every


def test_parameters_that_never_learned_stay_as_they_are() -> None:
    model = network()
    model.get_parameter("0.bias").requires_grad_(False)
    tuned = tuning(model)
    tuned.set(0.0)
    tuned.set(0.5)
    assert learning(model) == {"0.weight", "1.weight", "1.bias", *HEAD}


def test_a_run_of_one_stage_and_one_rate_changes_no_mode() -> None:
    model = network().train()
    model.get_parameter("0.bias").requires_grad_(False)
    tuning(model, frozen=0, body_lr=1).set(0.5)
    assert model[1].training  # type: ignore[index]
    assert learning(model) == {"0.weight", "1.weight", "1.bias", *HEAD}


def test_the_schedule_begins_anew_when_everything_learns() -> None:
    tuned = tuning(network())
    assert [tuned.stage(p) for p in (0.0, 0.125, 0.25, 0.625, 1.0)] == pytest.approx([0, 0.5, 0, 0.5, 1])
    for frozen in (0.0, 1.0):
        assert [tuning(network(), frozen=frozen).stage(p) for p in (0.0, 0.3, 1.0)] == [0, 0.3, 1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rates_are_lower_below_the_head_and_decay_stays_as_it_was(name: str) -> None:
    model = network()
    optimizer = make_optimizer(name, model, Hyper(lr=0.1, momentum=0.9, weight_decay=0.3))
    names = {id(p): n for n, p in model.named_parameters()}
    tuning(model).lower_rates(optimizer)
    found = {
        names[id(p)]: (group.get("share", 1.0), group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert found == {
        "0.weight": (0.1, 0.3), "0.bias": (0.1, 0.0), "1.weight": (0.1, 0.0), "1.bias": (0.1, 0.0),
        "3.weight": (1.0, 0.3), "3.bias": (1.0, 0.0),
    }  # fmt: skip


@pytest.mark.parametrize("net", ["efficientnet_lite0", "squeezenet1_1", "vgg11", "densenet121"])
def test_the_head_is_what_goes_by_the_number_of_classes(net: str) -> None:
    layer = {"squeezenet1_1": "classifier.1", "vgg11": "classifier.6"}.get(net, "classifier")
    assert Blueprint(net, (3, 224, 224), "vector", 7).head_parameters == {f"{layer}.weight", f"{layer}.bias"}


def test_auxiliary_heads_are_heads_too() -> None:
    head = Blueprint("googlenet", (3, 224, 224), "vector", 5).head_parameters
    outputs = {
        n
        for n, p in Blueprint("googlenet", (3, 224, 224), "vector", 5).make().named_parameters()
        if len(p) == 5
    }
    assert head == outputs
    assert len(head) == 6


@pytest.mark.parametrize("spec", ["conv3-4 bn relu gap fc-classes", "conv3-4 bn relu gap fc-3"])
def test_the_head_of_a_spec_is_its_last_layer(spec: str) -> None:
    assert Blueprint(spec, (3, 8, 8), "vector", 3).head_parameters == {"5.weight", "5.bias"}


def test_a_new_head_on_given_weights_learns_first_and_faster() -> None:
    plan, choices = choose_plan(Settings(), Facts(**{**vars(FACTS), "pretrained": True, "new_head": True}))
    assert (plan.frozen, plan.body_lr, plan.lr) == (0.2, 0.1, 0.0025)
    assert [str(choice) for choice in choices[-2:]] == [
        "frozen 0.2: the share of the run in which the new head learns alone",
        "body_lr 0.1: the share of the rate below the new head",
    ]


def test_without_a_new_head_everything_learns_at_once_and_slowly() -> None:
    for settings in (Settings(), Settings(freeze="none", body_lr=1.0)):
        for new_head in (False, True) if settings.body_lr else (False,):
            facts = Facts(**{**vars(FACTS), "pretrained": True, "new_head": new_head})
            plan, _ = choose_plan(settings, facts)
            assert (plan.frozen, plan.body_lr, plan.lr) == (0, 1, 0.00125)


def test_both_stages_are_taken_back_by_flags() -> None:
    facts = Facts(**{**vars(FACTS), "pretrained": True, "new_head": True})
    plan, choices = choose_plan(Settings(freeze="body"), facts)
    assert plan.frozen == 1
    assert not {"frozen", "body_lr"} & {choice.name for choice in choices}
    plan, choices = choose_plan(Settings(freeze="none", body_lr=0.3), facts)
    assert (plan.frozen, plan.body_lr) == (0, 0.3)
    assert not {"frozen", "body_lr"} & {choice.name for choice in choices}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"freeze": "body"},
            "freeze is 'body', and the network starts from fresh weights. Give --weights, or leave it out.",
        ),
        (
            {"body_lr": 0.1},
            "--body-lr is for a network that starts from given weights. Give --weights, or leave it out.",
        ),
    ],
)
def test_fresh_weights_are_not_frozen(settings: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        choose_plan(Settings(**settings), FACTS)  # type: ignore[arg-type]
    assert str(raised.value) == message


def test_an_unknown_freeze_is_refused() -> None:
    with pytest.raises(UsageError) as raised:
        Settings(freeze="bodies")
    assert str(raised.value) == "Unknown freeze 'bodies'. Did you mean 'body'?"
