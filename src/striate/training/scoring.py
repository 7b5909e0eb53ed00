"""Scoring a whole split: each rank its share, in batches halved until they fit in memory."""

import math

from torch import Tensor

from striate.data.loader import Loader
from striate.host.memory import NoRoomError, no_memory, no_room_errors, release
from striate.tasks.scoring import Judge, judged
from striate.training.job import Job
from striate.training.step import number_of_parts, parts
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
        while True:
            at_once = self._at_once or loader.batch
            batches = (
                part
                for batch in loader.evaluation()
                for part in parts(batch, number_of_parts(len(batch.images), at_once=at_once))
            )
            try:
                with no_room_errors(), self._trainee.as_scored() as model:
                    return judged(model, batches, judge)
            except NoRoomError as error:
                said = str(error)
            release()
            if at_once == 1:
                raise no_memory(self._job.folder, f"to score one picture at a time ({said})")
            self._at_once = math.ceil(at_once / 2)
