"""Count how a value walks through the files of striate, so that two layouts of the code can be compared.

    python tools/count_rooms.py [--source CHECKOUT/src] [--compare OTHER/src] [--json]

Two small jobs run, each in a process of its own, and every Python call that enters a file of the package is recorded:
the data given to `striate.train` until the first gradient is asked for, and one picture through `Run.predict` of a run
opened anew. A place is a file, the folder it stands in, or a package: the first part of its path, which for a file
beside `__init__.py` is the file. For each kind of place these are counted:

    rooms             places entered at all
    moves             different (from, to) pairs of places by which a call leaves one for another
    moves back        those that lead to a place entered earlier than the one they come from
    pairs both ways   pairs of places that call each other
    in circles        places to which moves lead back in the end, over however many others
    reading: stays    a newcomer reads each function once, where it is first called: times a place is opened for that,
                      with the ways back to callers
    reading: reopened functions met so by a call from another place, in a place that was read in before
    reading: returns  stays in a place that had been left, whether a call or a return led back: stays less rooms
    walk: ...         the same three of every call, however often; a loop over 80 pictures counts 80 times

To compare layouts, rooms, `reading: reopened` and in circles are the honest ones: each counts once what has to be
understood once. Moves back count a leaf that many share, such as the file of errors, as well as a call back up, which
in circles tells apart. The walk says as much about the loops as about the layout. Few large files lower every figure,
so the functions entered and the lines of all files entered are told too.

Imports, class bodies, comprehensions and the methods that a dataclass is given are no calls here; of a generator each
resumption is one, by who asks for the next. A call through other code, as that of torch, is one from the file of
striate that began it. What is handed to a pool of threads counts as called where it is handed over. Calls in any other
thread are told apart, as strays.
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

import striate

SOURCE = Path(__file__).parent.parent / "src"
CLASSES, PER_CLASS, SIDE = ("dark", "light"), 40, 32
# Nothing is left to what is measured here, and one thread reads, since several take turns as it happens.
SETTINGS: dict[str, Any] = {
    "net": "lenet5", "epochs": 1, "batch": 16, "layout": "contiguous", "precision": "fp32", "compile": False,
    "device": "cpu", "threads": 1,
}  # fmt: skip
COMPREHENSIONS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


class Move(NamedTuple):
    """A call: the file it comes from, None where that is outside the package; the file and the function it enters."""

    caller: str | None
    callee: str
    function: str


Pair = tuple[str | None, str]
# What was called, in order; a list within it is what was handed over to a thread there.
Events = list["Move | Events"]
Figures = dict[str, int]


def figures(moves: Sequence[Move], place: Callable[[str], str]) -> Figures:
    """Return every figure for one kind of place, by the names above; `place` returns where a file stands."""
    walk = _pairs(moves, place)
    order = _order(walk)
    between = {(a, b) for a, b in walk if a is not None and a != b}
    return {
        "rooms": len(order),
        "moves": len(between),
        "moves back": sum(order[b] < order[a] for a, b in between),
        "pairs both ways": sum((b, a) in between for a, b in between) // 2,
        "in circles": _in_circles(between),
        **{f"reading: {name}": n for name, n in _walked(_pairs(first_calls(moves), place)).items()},
        **{f"walk: {name}": n for name, n in _walked(walk).items()},
    }


def first_calls(moves: Sequence[Move]) -> list[Move]:
    """Return the first call of each function, in order."""
    firsts: dict[tuple[str, str], Move] = {}
    for move in moves:
        firsts.setdefault((move.callee, move.function), move)
    return list(firsts.values())


def _pairs(moves: Sequence[Move], place: Callable[[str], str]) -> list[Pair]:
    return [(m.caller and place(m.caller), place(m.callee)) for m in moves]


def _order(pairs: Sequence[Pair]) -> dict[str, int]:
    """Return the places in the order in which a walk comes to them, with their numbers."""
    return {place: i for i, place in enumerate(dict.fromkeys(_stays(pairs)))}


def _stays(pairs: Sequence[Pair]) -> list[str]:
    """Return where a walk by calls and returns is, one place after another."""
    return [place for place, _ in groupby(place for pair in pairs for place in pair if place is not None)]


def _in_circles(moves: set[tuple[str, str]]) -> int:
    """Return the number of places from which moves lead back to themselves."""
    nexts: dict[str, set[str]] = {}
    for caller, callee in moves:
        nexts.setdefault(caller, set()).add(callee)
    return sum(place in _reached(place, nexts) for place in nexts)


def _reached(start: str, nexts: Mapping[str, set[str]]) -> set[str]:
    """Return the places that one move or more lead to."""
    reached, ahead = set[str](), [start]
    while ahead:
        new = nexts.get(ahead.pop(), set()) - reached
        reached |= new
        ahead += new
    return reached


def _walked(pairs: Sequence[Pair]) -> Figures:
    """Return how often a walk opens a place, and of that, opens one again."""
    stays = _stays(pairs)
    reopened, entered = 0, set[str]()
    for caller, callee in pairs:
        reopened += callee != caller and callee in entered
        entered.add(callee)
    return {"stays": len(stays), "reopened": reopened, "returns": len(stays) - len(set(stays))}


LEVELS: dict[str, Callable[[str], str]] = {
    "files": lambda file: file,
    "folders": lambda file: file.rpartition("/")[0] or ".",
    "packages": lambda file: file.partition("/")[0],
}


class Tracer:
    """Records the calls that enter files below a folder; `strays` are those in threads that were not handed their work.

    Such are threads that were started by something else than a pool of concurrent.futures.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder.resolve()}{os.sep}"
        self._files: dict[str, str | None] = {}
        self._local = threading.local()
        self._handed_over: list[Future[Any]] = []
        self.strays = 0

    def record(self, job: Callable[[], object]) -> list[Move]:
        """Return the calls of a job until its end, or until `stop` is called in it."""
        submit, events = ThreadPoolExecutor.submit, Events()

        def hand_over(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **kw: Any) -> Any:
            if getattr(self._local, "events", None) is None:
                return submit(pool, work, *args, **kw)
            task, caller = Events(), self._caller(sys._getframe(1))
            self._local.events.append(task)
            future = submit(pool, self._within, task, caller, lambda: work(*args, **kw))
            self._handed_over.append(future)
            return future

        ThreadPoolExecutor.submit = hand_over  # type: ignore[method-assign, assignment]
        threading.setprofile(self._seen)
        try:
            self._within(events, None, job)
        finally:
            threading.setprofile(None)
            ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
        wait(self._handed_over)
        return list(_flat(events))

    def stop(self) -> None:
        """Record nothing more in this thread, nor what it hands over from now on."""
        sys.setprofile(None)
        self._local.events = None

    def _within(self, events: Events, caller: str | None, work: Callable[[], Any]) -> Any:
        """Do some work, its calls recorded in `events`, the first of them as coming from `caller`."""
        self._local.events, self._local.caller, self._local.base = events, caller, sys._getframe()
        before = sys.getprofile()
        sys.setprofile(self._seen)
        try:
            return work()
        finally:
            sys.setprofile(before)
            self._local.events = None

    def _seen(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or (callee := self._file(code.co_filename)) is None:
            return
        # The bodies of modules and classes have no fast locals.
        if not code.co_flags & inspect.CO_OPTIMIZED or code.co_name in COMPREHENSIONS:
            return
        if getattr(self._local, "events", None) is None:
            self.strays += 1
        elif not any(outer.f_code.co_name == "<module>" for outer in self._outer(frame.f_back)):
            function = f"{code.co_qualname}:{code.co_firstlineno}"
            self._local.events.append(Move(self._caller(frame.f_back), callee, function))

    def _caller(self, frame: FrameType | None) -> str | None:
        """Return the innermost file of the package that a frame is called by, its own included."""
        files = (self._file(outer.f_code.co_filename) for outer in self._outer(frame))
        return next((file for file in files if file is not None), self._local.caller)

    def _outer(self, frame: FrameType | None) -> Iterator[FrameType]:
        while frame is not None and frame is not self._local.base:
            yield frame
            frame = frame.f_back

    def _file(self, name: str) -> str | None:
        """Return a file's path below the folder, or None where it stands elsewhere."""
        if name not in self._files:
            path = os.path.realpath(name)
            inside = path.startswith(self._folder)
            self._files[name] = Path(path.removeprefix(self._folder)).as_posix() if inside else None
        return self._files[name]


def _flat(events: Events) -> Iterator[Move]:
    for event in events:
        if isinstance(event, Move):
            yield event
        else:
            yield from _flat(event)


class FirstGradientError(BaseException):
    """The first gradient is asked for, and the job is done; no error, so that nothing takes it for one."""


def draw(folder: Path) -> None:
    """Write pictures of noise, the same each time, in a folder for each class."""
    random = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for i in range(PER_CLASS):
            pixels = random.integers(0, 128, (SIDE, SIDE, 3), dtype=np.uint8) + np.uint8(127 * number)
            Image.fromarray(pixels).save(folder / name / f"{i:02}.png")


def train(folder: Path) -> None:
    """Train on the pictures to the end."""
    striate.train(folder / "pictures", settings=striate.Settings(**SETTINGS), out=folder / "run")


def data_into_a_batch(folder: Path, tracer: Tracer) -> list[Move]:
    """Return the calls from that of `train` to the first gradient."""
    settings, call = striate.Settings(**SETTINGS), striate.train
    reached = False

    def backward(*_: object, **__: object) -> None:
        nonlocal reached
        tracer.stop()
        reached = True
        raise FirstGradientError

    def job() -> None:
        with suppress(FirstGradientError):
            call(folder / "pictures", settings=settings, out=folder / "stopped")

    torch.autograd.backward = backward
    moves = tracer.record(job)
    assert reached, "training never asked for a gradient"
    return moves


def picture_through_predict(folder: Path, tracer: Tracer) -> list[Move]:
    """Return the calls of `predict` in a run that was just opened."""
    run = striate.open_run(folder / "run")
    return tracer.record(lambda: run.predict(folder / "pictures" / CLASSES[0] / "00.png"))


JOBS = {"data into a batch": data_into_a_batch, "a picture through predict": picture_through_predict}


def do_in_child(job: str, source: Path, folder: Path) -> None:
    """Do a job, or train, in this process, and write what was called to a file."""
    package = Path(inspect.getfile(striate)).parent
    assert package == source / "striate", f"striate comes from {package}, not from {source}"
    if job not in JOBS:
        train(folder)
        return
    tracer = Tracer(package)
    moves = JOBS[job](folder, tracer)
    (folder / "moves.json").write_text(json.dumps({"moves": moves, "strays": tracer.strays}))


def measure(source: Path) -> dict[str, dict[str, Any]]:
    """Return the figures of every job with the code of a source folder, an absolute path."""
    if not (source / "striate" / "__init__.py").is_file():
        sys.exit(f"{source}: no folder with striate in it. Give one such as CHECKOUT/src.")
    with tempfile.TemporaryDirectory(prefix="striate-") as name:
        folder = Path(name)
        draw(folder / "pictures")
        _child("train", source, folder)
        report = {}
        for job in JOBS:
            _child(job, source, folder)
            found = json.loads((folder / "moves.json").read_text())
            moves = [Move(*move) for move in found["moves"]]
            report[job] = reported(moves, source / "striate") | {"strays": found["strays"]}
    return report


def _child(job: str, source: Path, folder: Path) -> None:
    """Run a job in a fresh process with the source folder first on its path, and a cache of its own."""
    own = {
        "PYTHONPATH": str(source), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1",
        "STRIATE_CACHE": tempfile.mkdtemp(prefix="cache-", dir=folder),
    }  # fmt: skip
    command = [sys.executable, __file__, "--source", str(source), "--child", job, str(folder)]
    subprocess.run(command, env={**os.environ, **own}, cwd=folder, check=True)


def reported(moves: Sequence[Move], package: Path) -> dict[str, Any]:
    """Return the figures of a walk, its length, and the files in the order of their first entry."""
    files = list(dict.fromkeys(move.callee for move in moves))
    return {
        "calls": len(moves),
        "functions": len(first_calls(moves)),
        "lines": sum(len((package / file).read_text(encoding="utf-8").splitlines()) for file in files),
        **{level: figures(moves, place) for level, place in LEVELS.items()},
        "entered": files,
    }


def table(reports: Sequence[dict[str, dict[str, Any]]]) -> str:
    """Return the figures of one source folder, or of two side by side with the second's share of the first."""
    wide = 24 if len(reports) > 1 else 10
    lines = []
    for job in JOBS:
        of_job = [report[job] for report in reports]
        lines += [f"{job:24}" + "".join(f"{level:>{wide}}" for level in LEVELS)]
        for name in of_job[0]["files"]:
            cells = (side_by_side([found[level][name] for found in of_job]) for level in LEVELS)
            lines.append(f"  {name:22}" + "".join(f"{cell:>{wide}}" for cell in cells))
        totals = (
            f"{name} {side_by_side([found[name] for found in of_job])}"
            for name in ("functions", "lines", "calls", "strays")
        )
        lines += ["  " + ", ".join(totals), ""]
    return "\n".join(lines).rstrip()


def side_by_side(values: Sequence[int]) -> str:
    """Return a number, or two with the second's share of the first."""
    if len(values) == 1:
        return f"{values[0]:,}"
    first, second = values
    return f"{first:,} -> {second:,}" + (f" ({second / first:.2f})" if first else "")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, default=SOURCE, help="the folder that striate is in")
    parser.add_argument("--compare", type=Path, help="another such folder, shown after the first")
    parser.add_argument("--json", action="store_true", help="all that is counted, and the files entered")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        do_in_child(asked.child[0], asked.source, Path(asked.child[1]))
        return
    sources = [path.resolve() for path in (asked.source, asked.compare) if path is not None]
    reports = [measure(source) for source in sources]
    if asked.json:
        print(json.dumps([{"source": str(s), **r} for s, r in zip(sources, reports, strict=True)], indent=1))
    else:
        print(table(reports))


if __name__ == "__main__":
    main()
