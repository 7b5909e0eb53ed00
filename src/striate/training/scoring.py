"""Scoring a whole split: each rank its share, in batches halved until they fit in memory."""

from torch import Tensor

from striate.data.loader import Loader
from striate.host.memory import NoRoomError, no_memory
from striate.tasks.scoring import Judge, judged_within
from striate.training.job import Job
from striate.training.trainee import Trainee


class Scorer:
    """Scores splits with the weights a run is judged by; a batch size that did not fit is not tried again."""

    def __init__(self, trainee: Trainee, job: Job) -> None:
        self._trainee = trainee
        self._job = job
        self._at_once: int | None = None

    def judged(self, loader: Loader, judge: Judge) -> list[Tensor]:
        """Return what `judge` keeps of every picture of a split, on every rank.

        Raises StorageError where not even one picture at a time fits in memory.
        """
        kept = self._share(loader, judge)
        return [self._job.ranks.gather(part)[: len(loader.store)] for part in kept]

    def _share(self, loader: Loader, judge: Judge) -> list[Tensor]:
        """Return what `judge` keeps of this rank's share, halving the batch until it fits."""
        at_once = self._at_once or loader.batch
        try:
            with self._trainee.as_scored() as model:
                kept, self._at_once = judged_within(model, loader.evaluation, judge, at_once=at_once)
        except NoRoomError as error:
            raise no_memory(self._job.folder, f"to score one picture at a time ({error})") from None
        return kept
