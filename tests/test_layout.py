import json
from dataclasses import replace
from pathlib import Path

import pytest

import striate
from striate.cache import cache_folder
from striate.data.progress import Silent
from striate.layout import measured_layouts, prepare_laid_out, quickest
from striate.pace import timed
from striate.preparation import prepare

ASKED = striate.Settings(
    net="conv3-4 relu gap fc-classes", size=8, epochs=1, batch=8, augment="none", layout="auto"
)


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("contiguous", "channels_last", "chosen"),
    [
        (1.0, 2.0, "contiguous"),
        (1.0, 0.98, "contiguous"),
        (1.0, 0.5, "channels_last"),
        (1.0, 1.0, "contiguous"),
    ],
)
def test_the_slower_is_never_chosen_and_another_only_where_it_is_clearly_quicker(
    contiguous: float, channels_last: float, chosen: str
) -> None:
    assert quickest({"contiguous": contiguous, "channels_last": channels_last}) == chosen


def test_real_steps_are_measured_once_and_the_recipe_has_what_was_chosen(photos: Path) -> None:
    prepared = prepare_laid_out(photos, ASKED, Silent())
    kept = json.loads((cache_folder() / "layouts.json").read_text(encoding="utf-8"))
    (seconds,) = kept.values()
    assert seconds.keys() == {"channels_last", "contiguous"}
    assert min(seconds.values()) > 0
    assert prepared.recipe.train.layout == quickest(seconds)
    assert measured_layouts(prepared) == seconds
    other = prepare(photos, replace(ASKED, layout=None, batch=4), Silent())
    measured_layouts(other)
    assert len(json.loads((cache_folder() / "layouts.json").read_text(encoding="utf-8"))) == 2


@pytest.mark.parametrize("content", ["{", "[]", '{"x": 3}'])
def test_a_broken_cache_is_measured_anew(photos: Path, content: str) -> None:
    prepared = prepare(photos, replace(ASKED, layout=None), Silent())
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / "layouts.json").write_text(content)
    assert measured_layouts(prepared).keys() == {"channels_last", "contiguous"}


def test_the_time_of_a_step_grows_with_its_work(photos: Path) -> None:
    small = prepare(photos, replace(ASKED, layout=None), Silent())
    large = prepare(photos, replace(ASKED, layout=None, net="(conv3-128 relu)*4 gap fc-classes"), Silent())
    assert timed(large, 32).step > 2 * timed(small, 32).step
