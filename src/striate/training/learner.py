"""Back-propagation as a plan says: the optimizer, with lower rates below the head of a network that is fine-tuned."""

from torch import nn

from striate.learning.finetune import FineTuning
from striate.learning.optim import Hyper, make_optimizer
from striate.tasks.task import AnyTask
from striate.training.forward import Forward
from striate.training.recipe import Plan
from striate.training.step import BackPropagation
from striate.training.team import Team


def back_propagation(
    model: nn.Module, task: AnyTask, plan: Plan, *, tuning: FineTuning, team: Team | None = None
) -> BackPropagation:
    """Return a learner of all weights that ever learn."""
    hyper = Hyper(plan.lr, plan.momentum, plan.weight_decay)
    tuning.thaw()
    optimizer = make_optimizer(plan.optimizer, model, hyper)
    tuning.lower_rates(optimizer)
    return BackPropagation(
        model,
        task,
        optimizer,
        clip_norm=plan.clip_norm,
        team=team,
        forward=Forward(model, plan.precision, compiled=plan.compile),
    )
