import base64
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import striate
from striate.errors import DivergedError, Interrupted
from striate.progress import Silent

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LOADING = {"src", "href", "srcset", "data", "poster", "action", "background", "xlink:href"}


class Page(HTMLParser):
    """The tags, loaded addresses, headings, table cells and text of a page."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        assert self.open == [], "tags left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in LOADING]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data.strip())
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data.strip()

    @property
    def text(self) -> str:
        return " ".join(filter(None, self.words))


def page_of(run: Path) -> Page:
    return Page((run / "report.html").read_text(encoding="utf-8"))


def test_the_page_shows_all_that_a_run_found(finished: Path) -> None:
    page, run = page_of(finished), striate.open_run(finished)
    for heading in (
        "Training", "Confusion matrix", "Each class", "The surest mistakes", "Layers", "Recipe", "Environment",
        "훈련 과정", "혼동 행렬", "클래스별", "가장 확신한 오답", "층", "레시피", "환경",
    ):  # fmt: skip
        assert heading in page.text
    scores = run.evaluate()
    assert f"{100 * scores.accuracy:.1f}\u00a0%" in page.text
    for name in ("dog", "고양이", "label_smoothing", "train.lr", "versions.torch", "adaptive_avg_pool2d"):
        assert any(name in cell for cell in page.cells), name
    for row in scores.confusion.tolist():
        assert all(str(count) in page.cells for count in row if count)


def test_the_page_loads_nothing_from_anywhere(finished: Path) -> None:
    page = page_of(finished)
    assert len(page.addresses) >= 3
    assert all(address.startswith("data:image/") for address in page.addresses)
    text = (finished / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_the_curves_are_whole_svg_with_the_numbers_of_the_record(finished: Path) -> None:
    svgs = [a for a in page_of(finished).addresses if a.startswith("data:image/svg+xml;base64,")]
    assert len(svgs) == 3
    for svg in svgs:
        root = ElementTree.fromstring(base64.b64decode(svg.split(",", 1)[1]))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_names_of_pictures_and_classes_are_text_never_markup(tmp_path: Path, make_photos: Any) -> None:
    photos = make_photos(tmp_path / "photos", classes={"<b>굵은 & co": 120, "dog": 125}, count=10)
    for picture in photos.rglob("*.png"):
        picture.rename(picture.with_name(f"<img src=x>{picture.name}"))
    settings = striate.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=1, batch=8, lr=0.0)
    run = striate.train(photos, settings=settings, out=tmp_path / "<i>run")
    page = page_of(run.folder)
    assert "<b>굵은 & co" in page.cells
    assert "<i>run" in page.text
    assert "<img src=x>" in page.text
    assert "x" not in page.addresses


def test_mistakes_are_the_surest_first_in_the_pixels_the_network_saw(
    tmp_path: Path, make_photos: Any
) -> None:
    photos = make_photos(tmp_path / "photos", classes={"a": 128, "b": 128}, count=30)
    for picture in (
        photos / "b"
    ).iterdir():  # the same pictures in both classes: half of them must be mistakes
        picture.write_bytes((photos / "a" / picture.name).read_bytes())
    settings = striate.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=1, batch=8)
    run = striate.train(photos, settings=settings, out=tmp_path / "run")
    page = page_of(run.folder)
    pictures = [a for a in page.addresses if a.startswith("data:image/png;base64,")]
    scores = run.evaluate()
    wrong = scores.labels != scores.answers
    assert len(pictures) == int(wrong.sum()) > 0
    store = run.load()
    surest = max(wrong.nonzero().flatten().tolist(), key=lambda i: float(scores.confidences[i]))
    assert store.names[surest] in page.text


def test_a_run_that_held_nothing_out_says_so(tmp_path: Path, make_photos: Any) -> None:
    photos = make_photos(tmp_path / "photos", count=2)
    settings = striate.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=1)
    run = striate.train(photos, settings=settings, out=tmp_path / "run")
    assert run.summary()["result"] is None
    assert "Not shown: 표시할 수 없음: the run held no pictures out" in page_of(run.folder).text


def test_a_run_whose_data_are_gone_says_so(finished: Path, tmp_path: Path) -> None:
    recipe = finished / "recipe.toml"
    run = striate.open_run(finished)
    recipe.write_text(recipe.read_text(encoding="utf-8").replace(run.recipe.data, "/gone"), encoding="utf-8")
    striate.write_report(striate.open_run(finished))
    assert (
        "/gone: the data set of the run is no longer there. If it has moved, say where: "
        f"striate resume {finished} --data DATA, or striate eval {finished} DATA"
    ) in page_of(finished).text


def test_many_classes_are_shown_as_their_most_frequent_confusions(tmp_path: Path, make_photos: Any) -> None:
    photos = make_photos(tmp_path / "photos", classes={f"class {i}": 100 + i for i in range(31)}, count=3)
    settings = striate.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=1)
    run = striate.train(photos, settings=settings, out=tmp_path / "run")
    assert "Most frequent confusions" in page_of(run.folder).text


class Stops(Silent):
    """A listener that stops the run when as many pictures have been learned, and keeps what it is told."""

    def __init__(self, after: int) -> None:
        self.left, self.lines = after, list[str]()

    def say(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None:
        self.left -= count if loss is not None else 0
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("after", "step", "epochs"), [(0, 0, 0), (40, 2, 1)])
def test_a_run_that_was_stopped_is_reported_as_far_as_it_came(
    photos: Path, tmp_path: Path, after: int, step: int, epochs: int
) -> None:
    settings = striate.Settings(net="conv3-4 relu gap fc-classes", size=8, epochs=4, batch=16)
    with pytest.raises(Interrupted):
        striate.train(photos, settings=settings, out=tmp_path / "run", progress=Stops(after))
    run, heard = striate.open_run(tmp_path / "run"), Stops(0)
    assert len([line for line in run.metrics if line["kind"] == "epoch"]) == epochs
    striate.write_report(run, progress=heard)
    assert heard.lines == [f"the run has not finished: these are its weights after step {step}"]
    text = page_of(run.folder).text
    assert f"This run has not finished: what follows is of its weights after step {step}." in text
    assert f"아직 끝나지 않은 학습입니다. 아래는 {step}번째 단계 뒤의 가중치로 구한 것입니다." in text
    assert "The surest mistakes" in text


def test_a_run_that_diverged_at_once_has_a_report(photos: Path, tmp_path: Path) -> None:
    settings = striate.Settings(
        net="conv3-4 relu gap fc-classes",
        size=8,
        epochs=1,
        lr=1e38,
        schedule="constant",
        on_divergence="stop",
    )
    with pytest.raises(DivergedError):
        striate.train(photos, settings=settings, out=tmp_path / "run")
    striate.write_report(striate.open_run(tmp_path / "run"))
    assert "the run has not finished, so it has no model yet" in page_of(tmp_path / "run").text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_opens_in_a_browser_without_a_complaint(finished: Path, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0",
        "--virtual-time-budget=2000", f"--user-data-dir={tmp_path}/profile", "--lang=ko",
    ]  # fmt: skip
    address = (finished / "report.html").as_uri()
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", address], capture_output=True, text=True, check=True, timeout=120
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    assert 'aria-pressed="true"' in done.stdout  # its script has run
    assert "고양이" in done.stdout
