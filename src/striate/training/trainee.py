"""All that training changes and a checkpoint holds: a network, its learner, and the moving average of its weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn

from striate.data.loader import Batch
from striate.learning.average import Average
from striate.runs.folder.checkpoint import Checkpoint
from striate.training.step import Learner, Outcome


class Trainee:
    """A network being trained by a learner; `ema` is the decay of the moving average of its weights, 0: no average."""

    def __init__(self, model: nn.Module, learner: Learner, *, ema: float = 0.0) -> None:
        self.model = model
        self.learner = learner
        self._average = Average(model, decay=ema) if ema else None

    def learn(self, batch: Batch, *, step: int, lr: float, progress: float, at_once: int, of: int) -> Outcome:
        """Make one step, as Learner.step does, and update the moving average."""
        outcome = self.learner.step(batch, lr=lr, progress=progress, at_once=at_once, of=of)
        if self._average:
            self._average.update(step)
        return outcome

    @contextmanager
    def as_scored(self) -> Iterator[nn.Module]:
        """Yield the network to score a run by, with the averaged weights where an average is kept."""
        with self._average.in_place() if self._average else nullcontext():
            yield self.model

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Put other weights into the network for good, and drop the average."""
        self.model.load_state_dict(dict(weights))
        self._average = None

    def settle(self) -> None:
        """Put the run's resulting weights, those of the average where one is kept, into the network for good."""
        if self._average:
            self._average.put_in_place()

    def checkpoint(self, state: Mapping[str, Any]) -> Checkpoint:
        """Return a checkpoint of this, `state` being the loop state."""
        return Checkpoint(
            model=self.model.state_dict(),
            optimizer=self.learner.tensors(),
            average=self._average.tensors() if self._average else None,
            state=state,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Load a checkpoint; raises RuntimeError, ValueError or IndexError for one of another network."""
        self.model.load_state_dict(dict(checkpoint.model))
        self.learner.restore(checkpoint.optimizer)
        if self._average:
            self._average.restore(checkpoint.average or {})
