import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from striate.display.chart import NAME_HEIGHT, apart
from striate.errors import UsageError
from striate.learning.optim import OPTIMIZERS
from striate.trials.animation import HEIGHT, WIDTH, project
from striate.trials.descent import descend
from striate.trials.entrants import SEVEN
from striate.trials.surface import SURFACES, walk

SVG = "{http://www.w3.org/2000/svg}"


def test_plain_descent_leaves_a_saddle_and_creeps_along_a_valley_as_on_paper() -> None:
    saddle, valley = SURFACES["saddle"], SURFACES["valley"]
    n = np.arange(saddle.steps + 1)
    places = walk(saddle, "sgd", lr=0.03).places.numpy()
    np.testing.assert_allclose(places[:, 0], saddle.start[0] * (1 - 0.06) ** n, rtol=1e-9)
    np.testing.assert_allclose(places[:, 1], saddle.start[1] * (1 + 0.06) ** n, rtol=1e-9)
    places = walk(valley, "sgd", lr=0.9).places.numpy()
    np.testing.assert_allclose(places[:, 0], valley.start[0] * (1 - 0.9 / 25) ** n, rtol=1e-9)
    np.testing.assert_allclose(places[:, 1], valley.start[1] * (1 - 1.8) ** n, rtol=1e-9)


@pytest.mark.parametrize("surface", SURFACES)
def test_all_seven_arrive_in_the_picture_and_plain_descent_is_the_last_on_the_saddle(surface: str) -> None:
    arrivals = {w.name: w.arrival for w in descend(surface).walks}
    assert list(arrivals) == list(SEVEN)
    assert all(arrival is not None for arrival in arrivals.values())
    if surface == "saddle":
        assert max(arrivals, key=lambda name: arrivals[name] or 0) == "sgd"
        assert min(arrivals, key=lambda name: arrivals[name] or 0) == "adadelta"


def test_an_arrival_is_where_the_way_stays() -> None:
    way = walk(SURFACES["valley"], "momentum", lr=0.1)
    assert way.arrival is not None
    far = way.places.norm(dim=1) >= 0.1
    assert far[way.arrival - 1]
    assert not far[way.arrival :].any()
    assert walk(SURFACES["valley"], "sgd", lr=1e-6).arrival is None


@pytest.mark.parametrize("surface", SURFACES)
def test_the_drawing_is_whole_and_all_of_it_lies_in_the_picture(surface: str) -> None:
    root = ET.fromstring(descend(surface).svg())
    numbers = [
        float(value)
        for polygon in root.iter(f"{SVG}polygon")
        for value in re.split("[ ,]", polygon.attrib["points"])
    ]
    x, y = np.array(numbers).reshape(-1, 2).T
    assert 0 <= x.min() < x.max() <= WIDTH
    assert 0 <= y.min() < y.max() <= HEIGHT
    moves = [np.array([pair.split() for pair in move.attrib["values"].split(";")], float)
             for move in root.iter(f"{SVG}animateTransform")]  # fmt: skip
    assert len(moves) == 7
    for move in moves:
        assert (move >= 0).all()
        assert (move <= (WIDTH, HEIGHT)).all()
    assert [text.text for text in root.iter(f"{SVG}text") if text.text in OPTIMIZERS] == list(SEVEN)


def test_a_ball_goes_where_the_optimizer_went() -> None:
    surface = SURFACES["valley"]
    descent = descend("valley", optimizers=["adam"])
    (move,) = ET.fromstring(descent.svg()).iter(f"{SVG}animateTransform")
    drawn = np.array([pair.split() for pair in move.attrib["values"].split(";")], float)
    way = descent.walks[0]
    expected = project(surface, way.places.numpy(), way.heights.numpy())
    np.testing.assert_allclose(drawn[: len(expected)], expected, atol=0.051)
    assert (drawn[len(expected) :] == drawn[-1]).all()


def test_a_ball_that_leaves_the_picture_stays_at_its_edge() -> None:
    descent = descend("saddle", optimizers=["sgd:0.4", "sgd:1e300"])
    for move in ET.fromstring(descent.svg()).iter(f"{SVG}animateTransform"):
        last = np.array(move.attrib["values"].split(";")[-1].split(), float)
        assert (last >= 0).all()
        assert (last <= (WIDTH, HEIGHT)).all()
    assert "NaN" not in descent.html()


def test_what_stands_higher_is_drawn_higher_and_what_is_nearer_lower() -> None:
    surface = SURFACES["saddle"]
    at = np.zeros((2, 2))
    low, high = project(surface, at, np.array([0.0, 0.5]))
    assert low[0] == high[0]
    assert high[1] < low[1]
    near, far = project(surface, np.array([[0.0, -0.5], [0.0, 0.5]]), np.zeros(2))
    assert near[1] > far[1]


def test_a_surface_is_as_high_as_its_formula_says() -> None:
    place = torch.tensor([3.0, 0.5])
    assert SURFACES["saddle"].formula == "x² − y²"
    assert float(SURFACES["saddle"].height(place)) == 9 - 0.25
    assert SURFACES["saddle"].range() == (-1, 1)
    assert SURFACES["valley"].formula == "x² / 50 + y²"
    assert float(SURFACES["valley"].height(place)) == pytest.approx(9 / 50 + 0.25)


@pytest.mark.parametrize(
    ("surface", "optimizers", "message"),
    [
        ("sadle", ["sgd"], "Unknown surface 'sadle'. Did you mean 'saddle'?"),
        (
            "valley",
            ["muon"],
            "muon is for the filters of convolutions, and a surface has two single weights.",
        ),
    ],
)
def test_a_descent_of_no_sense_is_refused(surface: str, optimizers: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        descend(surface, optimizers=optimizers)
    assert str(raised.value) == message


def test_names_stand_apart_in_the_order_of_their_curves() -> None:
    assert apart([]) == []
    assert apart([0.2, 0.6]) == [0.2, 0.6]
    for heights in ([0.0] * 9, [1.0] * 9, [0.1, 0.1, 0.5, 0.98, 0.99, 2.0]):
        placed = apart(heights)
        assert min(np.diff(placed)) == pytest.approx(NAME_HEIGHT)
        assert placed[0] >= -1e-9
        assert placed[-1] <= 1


def test_the_command_line_writes_a_page_or_a_drawing(striate: Callable[..., Any], tmp_path: Path) -> None:
    answer = striate("race", "--surface", "saddle")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == "sgd       rate 0.03     arrived at step 119"
    assert answer.out.splitlines()[-1] == "page    race-saddle.html"
    page = (tmp_path / "race-saddle.html").read_text(encoding="utf-8")
    assert "Optimizers on a saddle" in page
    assert "안장점 위의 최적화 알고리즘" in page
    assert set(re.findall(r"https?://[^\"]*", page)) == {"http://www.w3.org/2000/svg"}
    answer = striate("race", "--surface", "valley", "--optimizers", "adam:0.5", "--out", "v.svg", "--json")
    values = json.loads(answer.out)
    assert (values["surface"], values["page"]) == ("valley", "v.svg")
    assert [(w["name"], w["lr"], len(w["places"])) for w in values["walks"]] == [("adam", 0.5, 151)]
    assert (tmp_path / "v.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "a race needs DATA to train on, or --surface saddle or valley."),
        (("photos", "--surface", "saddle"), "--surface needs no data and no network. Leave photos out."),
        (
            ("--surface", "saddle", "--net", "lenet5"),
            "--surface needs no data and no network. Leave --net out.",
        ),
        (("--surface", "saddle", "steps=3"), "--surface needs no data and no network. Leave --steps out."),
    ],
)
def test_a_surface_and_data_are_not_raced_at_once(
    striate: Callable[..., Any], argv: tuple[str, ...], message: str
) -> None:
    answer = striate("race", *argv)
    assert (answer.code, answer.err) == (1, f"striate: {message}\n")
