"""A batch in parts: the same gradient, and as few pictures at a time as there is memory for."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from jobs import Heard, job, linear, lines
from torch import Tensor, nn

from striate.data.loader import Batch
from striate.errors import StorageError
from striate.host.memory import is_out_of_memory
from striate.runs.folder.recovery import Split, load_recovery
from striate.tasks.classification import Classification
from striate.tasks.multi_label import MultiLabel
from striate.tasks.regression import Regression, Scale
from striate.tasks.task import AnyTask
from striate.training.loop import fit
from striate.training.step import BackPropagation, fewest_at_once, number_of_parts, parts

SAID = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes. Error code 12"
RAISED = {
    "torch on a processor": RuntimeError(f"[enforce fail at alloc_cpu.cpp:124] err == 0. {SAID}\nframes"),
    "torch on a GPU": torch.OutOfMemoryError(SAID),
    "Python": MemoryError(SAID),
}


class Narrow(nn.Module):
    """A network that has no memory for more than `room` pictures at a time."""

    def __init__(self, room: int, error: Exception = RAISED["Python"], *, norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm = nn.BatchNorm2d(1) if norm else nn.Identity()
        self.linear, self.room, self.error = nn.Linear(16, 2), room, error
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if len(x) > self.room:
            raise self.error
        if self.training:
            self.seen.append(len(x))
        return self.linear(x.flatten(1))


@pytest.mark.parametrize(
    ("count", "at_once", "fewest", "sizes"),
    [
        (10, 10, 1, [10]), (10, 5, 1, [5, 5]), (10, 4, 1, [4, 3, 3]), (3, 1, 1, [1, 1, 1]), (1, 4, 2, [1]),
        (3, 2, 2, [3]), (5, 2, 2, [3, 2]), (10, 1, 0, [1] * 10),
    ],
)  # fmt: skip
def test_a_batch_is_taken_in_even_parts_none_too_small(
    count: int, at_once: int, fewest: int, sizes: list[int]
) -> None:
    batch = Batch(torch.arange(count), torch.arange(count))
    taken = list(parts(batch, number_of_parts(count, at_once=at_once, fewest=fewest)))
    assert [len(part.images) for part in taken] == sizes
    assert torch.equal(torch.cat([part.labels for part in taken]), batch.labels)


TASKS: dict[str, tuple[AnyTask, Tensor]] = {
    "classes, weighed and smoothed": (
        Classification(("a", "b", "c"), label_smoothing=0.1, weights=(0.5, 1.0, 3.0)),
        torch.randint(0, 3, (10,), generator=torch.Generator().manual_seed(0)),
    ),
    "mixed classes": (
        Classification(("a", "b", "c"), label_smoothing=0.1),
        torch.rand(10, 3, generator=torch.Generator().manual_seed(0)).softmax(1),
    ),
    "labels": (MultiLabel(("a", "b", "c"), weights=(1.0, 2.0, 0.5)), torch.eye(3)[torch.arange(10) % 3]),
    "numbers": (
        Regression(("a", "b", "c"), Scale((0.0, 1.0, 2.0), (1.0, 2.0, 3.0))),
        torch.arange(30.0).view(10, 3),
    ),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("at_once", [1, 3, 4])
@pytest.mark.parametrize("clip_norm", [0.0, 0.01])
def test_a_batch_in_parts_has_the_loss_and_gradient_of_the_whole(
    task: str, at_once: int, clip_norm: float
) -> None:
    what, labels = TASKS[task]
    batch = Batch(torch.randn(10, 1, 4, 4, generator=torch.Generator().manual_seed(1)), labels)

    def step(at_once: int) -> tuple[float, float, nn.Module]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 3))
        learner = BackPropagation(
            model, what, torch.optim.SGD(model.parameters(), lr=0.0), clip_norm=clip_norm
        )
        outcome = learner.step(Batch(batch.images, labels), lr=0.5, progress=0.0, at_once=at_once)
        return outcome.loss, outcome.right, model

    (loss, right, whole), (split_loss, split_right, split) = step(10), step(at_once)
    assert split_loss == pytest.approx(loss, rel=1e-5)
    assert split_right == pytest.approx(right)
    for a, b in zip(whole.parameters(), split.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-6)
        assert torch.allclose(a, b, atol=1e-6)
    length = torch.cat([p.grad.flatten() for p in split.parameters()]).norm()
    assert bool(length <= 0.01 + 1e-5) is (clip_norm > 0)


def test_a_run_in_parts_is_the_run_on_whole_batches_but_for_rounding(tmp_path: Path) -> None:
    models = []
    for accumulate in (1, 3):
        folder = tmp_path / str(accumulate)
        folder.mkdir()
        models.append(linear())
        fit(models[-1], job(folder, accumulate=accumulate))
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("kind", RAISED)
def test_where_memory_runs_out_the_batch_goes_in_halves_and_the_run_says_so(
    tmp_path: Path, kind: str
) -> None:
    heard, model, whole = Heard(), Narrow(2, RAISED[kind]), Narrow(99)
    fit(model, job(tmp_path, batch=8, epochs=2, progress=heard))
    assert set(model.seen) == {2}
    assert lines(tmp_path, "split") == [
        {"kind": "split", "step": 1, "at_once": 4},
        {"kind": "split", "step": 1, "at_once": 2},
    ]
    assert "step 1: not enough memory, so a batch of 8 now goes in parts of 2" in heard.lines
    (tmp_path / "whole").mkdir()
    fit(whole, job(tmp_path / "whole", batch=8, epochs=2))
    for a, b in zip(model.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_step_that_had_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    """The norm has seen the whole batch when memory runs out, and must forget it."""
    first, second = Narrow(4, norm=True), Narrow(4, norm=True)
    fit(first, job(tmp_path, batch=8, momentum=0.9))
    (tmp_path / "parts").mkdir()
    fit(second, job(tmp_path / "parts", batch=8, momentum=0.9, accumulate=2))
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_run_that_ran_out_of_memory_and_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    class Shrinks(Narrow):
        """Has room for whole batches at first; `dies` at its n-th part."""

        def __init__(self, *, dies: int = 0) -> None:
            super().__init__(8, norm=True)
            self.dies, self.calls = dies, 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += self.training
            if self.calls == self.dies:
                raise KeyboardInterrupt
            self.room = 8 if self.calls < 5 else 4
            return super().forward(x)

    changes: dict[str, Any] = {"batch": 8, "momentum": 0.9, "ema": 0.9, "epochs": 4, "checkpoint_every": 3}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    whole, resumed = Shrinks(), Narrow(8, norm=True)
    fit(whole, job(tmp_path / "a", **changes))
    with pytest.raises(KeyboardInterrupt):
        fit(Shrinks(dies=8), job(tmp_path / "b", **changes))
    assert load_recovery(tmp_path / "b").splits == (Split(5, 4),)
    # There is room for whole batches again, but what was split stays so.
    fit(resumed, job(tmp_path / "b", **changes))
    assert resumed.seen[:2] != [8, 8]
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    for name in ("a", "b"):
        assert lines(tmp_path / name, "split") == [{"kind": "split", "step": 5, "at_once": 4}]


@pytest.mark.parametrize(("norm", "fewest"), [(False, 1), (True, 2)])
def test_where_even_the_fewest_do_not_fit_the_run_says_what_to_do(
    tmp_path: Path, norm: bool, fewest: int
) -> None:
    model = Narrow(0, RAISED["torch on a processor"], norm=norm)
    assert fewest_at_once(model) == fewest
    with pytest.raises(StorageError) as raised:
        fit(model, job(tmp_path))
    assert str(raised.value) == (
        f"{tmp_path}: not enough memory for a step on {fewest} pictures at a time (err == 0. {SAID}). "
        f"Close other programs, then go on with: striate resume {tmp_path}; or train again with a smaller --size or "
        "another --net."
    )
    assert StorageError.exit_code == 3


def test_scoring_too_takes_fewer_pictures_where_memory_runs_out(tmp_path: Path) -> None:
    model, whole = Narrow(3), Narrow(99)
    fit(model, job(tmp_path, batch=2))
    (tmp_path / "whole").mkdir()
    fit(whole, job(tmp_path / "whole", batch=2))
    assert lines(tmp_path, "result")[0]["loss"] == pytest.approx(
        lines(tmp_path / "whole", "result")[0]["loss"]
    )
    assert lines(tmp_path, "split") == []


class OutOfRoom(Heard):
    """A listener in whose hands memory runs out, as it may anywhere outside a step."""

    def begin(self, phase: str, total: int, *, score: str = "", unit: str = "images") -> None:
        raise MemoryError("no room for the batch")


def test_memory_that_runs_out_elsewhere_is_told_too(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as raised:
        fit(linear(), job(tmp_path, progress=OutOfRoom()))
    assert str(raised.value) == (
        f"{tmp_path}: not enough memory (no room for the batch). Close other programs, then go on with: "
        f"striate resume {tmp_path}; or train again with a smaller --size or another --net."
    )


def test_other_errors_are_not_taken_for_a_want_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


LIMITED = """
import resource, sys
from pathlib import Path
import torch
from torch import nn
from jobs import job, lines
from striate.training.loop import fit

torch.set_num_threads(1)


class Hungry(nn.Module):
    '''Needs 40 MB a picture, as a convolution on large maps may.'''

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(16, 2)

    def forward(self, x):
        wide = x.flatten(1).repeat(1, 625_000).view(len(x), -1, 16).exp()
        return self.linear(x.flatten(1)) + 0 * wide.sum((1, 2))[:, None]


fit(Hungry(), job(Path(sys.argv[1]), batch=2, epochs=1))  # all that is imported and mapped on the way
pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (pages + 450_000_000, resource.RLIM_INFINITY))
fit(Hungry(), job(Path(sys.argv[2]), batch=16, epochs=2))
print([line["at_once"] for line in lines(Path(sys.argv[2]), "split")], lines(Path(sys.argv[2]), "result")[0]["images"])
"""


def test_a_network_that_truly_needs_too_much_memory_trains_in_parts(tmp_path: Path) -> None:
    for name in ("first", "limited"):
        (tmp_path / name).mkdir()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "first", tmp_path / "limited"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1", "PATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[8, 4] 16\n"


PRINTS = "import os; from striate.host.memory import keep_freed_memory_of_ours as keep; print(keep())"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_the_allocator_is_set_for_the_command_and_for_no_other_process() -> None:
    def asked(code: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert asked(PRINTS) == "False"
    as_the_command = "import striate.__main__ as m, sys; sys.argv = ['striate', 'nets']; m.main(); "
    assert asked(as_the_command + PRINTS).splitlines()[-1] == "True"
    assert asked(
        f"{as_the_command}import subprocess; subprocess.run([sys.executable, '-c', {PRINTS!r}])"
    ).endswith("False")
