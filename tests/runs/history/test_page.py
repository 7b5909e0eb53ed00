import re
from base64 import b64decode
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import striate

MakeRun = Callable[..., Path]


def test_the_page_lays_the_curves_of_the_runs_over_each_other(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("장미 <b>", [0.5, 0.6, 0.7]), make_run("tulip", [0.4, 0.8, 0.9])]
    striate.compare_runs(runs).save_html(tmp_path / "runs.html")
    page = (tmp_path / "runs.html").read_text(encoding="utf-8")
    HTMLParser().feed(page)
    assert "장미 &lt;b&gt;" in page
    assert "<b>" not in page
    drawings = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(drawings) == 2
    for drawing in drawings:
        svg = b64decode(drawing).decode()
        ElementTree.fromstring(svg)
        assert "#0072b2" in svg
        assert "#c2410c" in svg
    assert "http" not in re.sub(r"data:[^\"]+|http-equiv", "", page)
    assert page.count('lang="en"') == page.count('lang="ko"') + 1


def test_the_page_of_a_list_and_of_one_run(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("a", [0.5])
    striate.show_run(run).save_html(tmp_path / "one.html")
    striate.list_runs(tmp_path / "runs").save_html(tmp_path / "list.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "list.html").read_bytes()
