"""tools/count_rooms.py counts what it says, and the same each time."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path
from textwrap import dedent

import count_rooms
import pytest
from count_rooms import LEVELS, Move, Tracer, figures, first_calls, side_by_side

# A door that asks a cellar for coal twice, and an attic, which rings at the door and has the cellar swept.
WALK = [
    Move(None, "door.py", "open"),
    Move("door.py", "cellar/coal.py", "fetch"),
    Move("cellar/coal.py", "cellar/stairs.py", "climb"),
    Move("door.py", "cellar/coal.py", "fetch"),
    Move("door.py", "attic/box.py", "look"),
    Move("attic/box.py", "attic/box.py", "unlock"),
    Move("attic/box.py", "door.py", "ring"),
    Move("attic/box.py", "cellar/coal.py", "sweep"),
]
FILES = {
    "rooms": 4,
    "moves": 5,
    "moves back": 2,  # box to door, box to coal
    "pairs both ways": 1,  # door and box
    "in circles": 2,  # door and box
    # door coal stairs, door box, door, box coal
    "reading: stays": 8,
    "reading: reopened": 2,  # to ring, and to sweep
    "reading: returns": 4,
    # door coal stairs, door coal, door box, door, box coal
    "walk: stays": 10,
    "walk: reopened": 3,
    "walk: returns": 6,
}
PACKAGES = {
    "rooms": 3,
    "moves": 4,
    "moves back": 2,
    "pairs both ways": 1,
    "in circles": 2,
    "reading: stays": 7,
    "reading: reopened": 2,
    "reading: returns": 4,
    "walk: stays": 9,
    "walk: reopened": 3,
    "walk: returns": 6,
}
HOUSE = {
    "door.py": """
        from concurrent.futures import ThreadPoolExecutor
        from threading import Thread
        from cottage.cellar import coal
        from cottage.attic.box import Box, numbers

        def enter():
            coal.fetch()
            coal.fetch()
            return sum(n for n in numbers())

        def hand_over():
            with ThreadPoolExecutor(1) as pool:
                for _ in range(2):
                    pool.submit(coal.fetch)
                return pool.submit(sorted, [2, 1], key=coal.weigh).result()

        def start_a_thread():
            thread = Thread(target=coal.fetch)
            thread.start()
            thread.join()

        def import_more():
            import cottage.late

        def call_back():
            return max([1], key=Box().look)
        """,
    "cellar/coal.py": """
        def fetch():
            return 1

        def weigh(piece):
            return piece
        """,
    "attic/box.py": """
        class Box:
            def look(self, at):
                return at

        def numbers():
            yield 1
            yield 2
        """,
    "late.py": """
        from cottage.cellar import coal
        coal.fetch()
        """,
}
FETCH, WEIGH = (Move("door.py", "cellar/coal.py", name) for name in ("fetch", "weigh"))


@pytest.fixture(scope="module")
def cottage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "cottage"
    for name, text in HOUSE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(dedent(text))
    return folder


@pytest.fixture
def tracer(cottage: Path, monkeypatch: pytest.MonkeyPatch) -> Tracer:
    monkeypatch.syspath_prepend(cottage.parent)
    return Tracer(cottage)


def recorded(tracer: Tracer, function: str) -> list[Move]:
    """Return the calls that a function of the door makes, functions without their lines."""
    job: Callable[[], object] = getattr(import_module("cottage.door"), function)
    first, *moves = [move._replace(function=move.function.partition(":")[0]) for move in tracer.record(job)]
    assert first == Move(None, "door.py", function)
    return moves


def test_a_walk_of_known_moves_has_the_known_figures() -> None:
    assert figures(WALK, LEVELS["files"]) == FILES
    assert figures(WALK, LEVELS["packages"]) == PACKAGES
    assert figures(WALK, LEVELS["folders"]) == PACKAGES


def test_a_folder_is_not_a_package_where_packages_stand_in_one_another() -> None:
    walk = [Move(None, "a/x.py", "f"), Move("a/x.py", "a/b/y.py", "g"), Move("a/b/y.py", "a/z.py", "h")]
    counted = {level: figures(walk, place) for level, place in LEVELS.items()}
    assert [counted[level]["rooms"] for level in LEVELS] == [3, 2, 1]
    assert [counted[level]["moves back"] for level in LEVELS] == [0, 1, 0]
    assert [counted[level]["in circles"] for level in LEVELS] == [0, 2, 0]


def test_a_circle_over_several_places_is_one_though_no_pair_goes_both_ways() -> None:
    ring = ["a.py", "b.py", "c.py"]
    walk = [Move(a, b, f"f{i}") for i, a, b in zip(count(), [None, *ring], [*ring, "a.py"], strict=False)]
    counted = figures([*walk, Move("a.py", "d.py", "g")], LEVELS["files"])
    assert (counted["pairs both ways"], counted["in circles"]) == (0, 3)


def test_a_walk_of_no_calls_has_no_figures_but_noughts() -> None:
    assert set(figures([], LEVELS["files"]).values()) == {0}


def test_each_function_is_read_where_it_is_first_called() -> None:
    assert first_calls(WALK) == [*WALK[:3], *WALK[4:]]


def test_calls_are_recorded_and_each_time_that_a_generator_is_asked(tracer: Tracer) -> None:
    numbers = Move("door.py", "attic/box.py", "numbers")
    assert recorded(tracer, "enter") == [FETCH, FETCH, numbers, numbers, numbers]


def test_what_a_pool_of_threads_does_is_called_where_it_was_handed_over(tracer: Tracer) -> None:
    assert recorded(tracer, "hand_over") == [FETCH, FETCH, WEIGH, WEIGH]
    assert tracer.strays == 0


def test_calls_in_other_threads_are_strays(tracer: Tracer) -> None:
    assert recorded(tracer, "start_a_thread") == []
    assert tracer.strays == 1


def test_what_an_import_calls_is_left_out(tracer: Tracer) -> None:
    assert recorded(tracer, "import_more") == []


def test_a_call_through_other_code_comes_from_the_file_that_began_it(tracer: Tracer) -> None:
    assert recorded(tracer, "call_back") == [Move("door.py", "attic/box.py", "Box.look")]


def test_nothing_is_recorded_once_stopped(tracer: Tracer) -> None:
    coal = import_module("cottage.cellar.coal")

    def job() -> None:
        coal.fetch()
        tracer.stop()
        coal.fetch()

    assert [move.callee for move in tracer.record(job)] == ["cellar/coal.py"]
    assert tracer.strays == 0


def test_two_figures_stand_side_by_side_with_their_ratio() -> None:
    assert side_by_side([12345]) == "12,345"
    assert side_by_side([1200, 900]) == "1,200 -> 900 (0.75)"
    assert side_by_side([0, 3]) == "0 -> 3"


def test_a_folder_without_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        count_rooms.measure(tmp_path)
    assert str(refused.value) == f"{tmp_path}: no folder with striate in it. Give one such as CHECKOUT/src."


@pytest.mark.slow
def test_two_runs_count_the_same() -> None:
    command = [sys.executable, count_rooms.__file__, "--compare", count_rooms.SOURCE, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second = json.loads(done.stdout)
    assert first == second
    for job in count_rooms.JOBS:
        assert first[job]["strays"] == 0
        assert 1 < first[job]["packages"]["rooms"] < first[job]["files"]["rooms"]
        assert first[job]["functions"] > first[job]["files"]["rooms"]
