import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from jobs import Heard

import striate
from striate.host.cache import cache_folder
from striate.preparing.engine import Engine, engine_of, engines, measured, prepare_measured, quickest
from striate.preparing.prepare import prepare
from striate.progress import Silent

ASKED = striate.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=1, batch=8, augment="none")
USUAL = Engine("contiguous")
LAST = Engine("channels_last")
BF16 = Engine("contiguous", "bf16")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("other", "seconds", "chosen"),
    [
        (LAST, 2.0, USUAL),
        (LAST, 0.98, USUAL),
        (LAST, 0.96, LAST),
        (BF16, 0.92, USUAL),
        (BF16, 0.88, BF16),
        (BF16, math.inf, USUAL),
    ],
)
def test_the_slower_is_never_chosen_and_another_only_where_it_is_clearly_quicker(
    other: Engine, seconds: float, chosen: Engine
) -> None:
    assert quickest({USUAL: 1.0, other: seconds}, usual=USUAL) == chosen


def test_where_the_usual_one_fails_any_that_works_is_chosen() -> None:
    assert quickest({USUAL: math.inf, LAST: 3.0, BF16: 2.0}, usual=USUAL) == BF16
    assert quickest({USUAL: math.inf, LAST: math.inf}, usual=USUAL) == USUAL


def test_what_is_asked_for_is_not_open() -> None:
    assert engines(ASKED, USUAL, device=CPU) == [USUAL, LAST, BF16, replace(LAST, precision="bf16")]
    asked = replace(ASKED, precision="fp32", compile=True)
    assert engines(asked, LAST, device=CPU) == [replace(LAST, compile=True), replace(USUAL, compile=True)]
    assert engines(replace(asked, layout="contiguous"), USUAL, device=CPU) == [replace(USUAL, compile=True)]


def test_real_steps_are_measured_once_and_the_recipe_has_what_was_chosen(photos: Path) -> None:
    progress = Heard()
    prepared = prepare_measured(photos, ASKED, progress, lasts=True)
    ((key, rows),) = json.loads((cache_folder() / "engines.json").read_text(encoding="utf-8")).items()
    seconds = {Engine(row["layout"], row["precision"], row["compile"]): row["seconds"] for row in rows}
    assert set(seconds) == set(engines(ASKED, USUAL, device=CPU))
    assert seconds[USUAL] > 0
    finite = {engine: math.inf if value is None else value for engine, value in seconds.items()}
    assert engine_of(prepared) == quickest(finite, usual=USUAL)
    assert f"engine {engine_of(prepared)}: milliseconds a step here: contiguous fp32 " in "\n".join(
        progress.lines
    )
    assert str(torch.get_num_threads()) in key
    # A run too short to be measured for takes what is known.
    assert engine_of(prepare_measured(photos, ASKED, Silent())) == engine_of(prepared)
    prepare_measured(photos, replace(ASKED, batch=4), Silent(), lasts=True)
    assert len(json.loads((cache_folder() / "engines.json").read_text(encoding="utf-8"))) == 2


def test_what_another_version_measured_is_measured_anew(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_measured(photos, ASKED, Silent(), lasts=True)
    installed = tmp_path / "site" / "striate-9.9.9.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: striate\nVersion: 9.9.9\n")
    monkeypatch.syspath_prepend(str(installed.parent))
    prepare_measured(photos, ASKED, Silent(), lasts=True)
    before, after = json.loads((cache_folder() / "engines.json").read_text(encoding="utf-8"))
    assert [a for a, b in zip(json.loads(after), json.loads(before), strict=True) if a != b] == ["9.9.9"]


def test_a_short_run_is_not_measured_for(photos: Path) -> None:
    progress = Heard()
    prepared = prepare_measured(photos, ASKED, progress)
    assert engine_of(prepared) == USUAL
    steps = prepared.loader("train").steps
    assert (
        f"engine contiguous fp32: the usual one; {steps} steps are too few to measure others by"
        in progress.lines
    )
    assert not (cache_folder() / "engines.json").exists()


def test_what_is_asked_for_is_taken_without_measuring(photos: Path) -> None:
    asked = replace(ASKED, layout="channels_last", precision="bf16", compile=False)
    prepared = prepare_measured(photos, asked, Silent(), lasts=True)
    assert engine_of(prepared) == Engine("channels_last", "bf16")
    assert not (cache_folder() / "engines.json").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"x": 3}'])
def test_a_broken_cache_is_measured_anew(photos: Path, content: str) -> None:
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / "engines.json").write_text(content)
    prepare_measured(photos, ASKED, Silent(), lasts=True)
    assert '"seconds"' in (cache_folder() / "engines.json").read_text(encoding="utf-8")


def test_rows_of_another_program_are_measured_anew(photos: Path) -> None:
    prepare_measured(photos, ASKED, Silent(), lasts=True)
    path = cache_folder() / "engines.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({key: [{"layout": "contiguous"}] for key in known}))
    prepare_measured(photos, ASKED, Silent(), lasts=True)
    assert set(json.loads(path.read_text(encoding="utf-8"))) == set(known)
    assert "seconds" in path.read_text(encoding="utf-8")


def test_an_engine_that_fails_is_no_use_and_stops_nothing(photos: Path) -> None:
    prepared = prepare(photos, ASKED, Silent())
    broken = Engine("contiguous", "fp32", compile=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", _no_compiler)
        seconds = measured(prepared, [USUAL, broken])
    assert seconds[broken] == math.inf
    assert 0 < seconds[USUAL] < math.inf


def test_an_engine_that_there_is_no_memory_for_is_measured_again_the_next_time(photos: Path) -> None:
    lasting = replace(ASKED, precision="fp32", epochs=10**8)  # long enough for a try of torch.compile
    remembered = []
    for compiler in (_no_memory, _no_compiler):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "compile", compiler)
            prepared = prepare_measured(photos, lasting, Silent())
        assert not engine_of(prepared).compile
        (rows,) = json.loads((cache_folder() / "engines.json").read_text(encoding="utf-8")).values()
        remembered.append([row["seconds"] for row in rows if row["compile"]])
    assert remembered == [[], [None]]


def test_a_short_run_takes_what_is_known_where_there_was_no_memory_for_the_rest(photos: Path) -> None:
    asked, heard = replace(ASKED, compile=True), Heard()
    with pytest.MonkeyPatch.context() as patch:
        tries = iter(["", "", "", "no memory"])
        patch.setattr(torch, "compile", lambda model, **_: _no_memory() if next(tries, "") else model)
        chosen = engine_of(prepare_measured(photos, asked, Silent(), lasts=True))
    (rows,) = json.loads((cache_folder() / "engines.json").read_text(encoding="utf-8")).values()
    assert len(rows) == 3
    assert engine_of(prepare_measured(photos, asked, heard)) == chosen
    assert any(line.startswith(f"engine {chosen}: milliseconds a step here: ") for line in heard.lines)


def test_a_network_with_a_rule_of_its_own_is_left_as_it_is(photos: Path) -> None:
    asked = striate.Settings(net="perceptron", size=20, epochs=1)
    progress = Heard()
    prepared = prepare_measured(photos, asked, progress, lasts=True)
    assert asdict(engine_of(prepared)) == asdict(USUAL)
    assert not any(line.startswith("engine") for line in progress.lines)


def _no_compiler(*_: object, **__: object) -> None:
    raise RuntimeError("no C++ compiler")


def _no_memory(*_: object, **__: object) -> None:
    raise MemoryError
