"""Every page is the shell with something of its own in it."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from striate.display.page import in_both, page_template
from striate.report.panels import PANELS

SRC = Path(__file__).parents[2] / "src" / "striate"
SHELL = SRC / "display" / "templates" / "page.html"
TEMPLATES = sorted(set(SRC.rglob("*.html")) - {SHELL})
# What the report has of each kind of task is put into it.
PARTS = {panel.template for panel in PANELS.values()}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_page_extends_the_shell_and_repeats_nothing_of_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith('{% extends "page.html" %}\n') != (path.name in PARTS)
    for tag in ("<!doctype", "<html", "<head", "<style", "<body", "<footer", "<script", "data-lang"):
        assert tag not in text.lower()


def test_the_shell_stands_round_what_a_page_says_and_loads_nothing() -> None:
    made = page_template("striate.runs.history", "runs.html").environment.from_string(
        '{% extends "page.html" %}{% block title %}{{ name }}{% endblock %}'
        "{% block main %}<p>{{ t(1, name) }}</p>{% endblock %}"
    )
    page = made.render(name="<i>고양이")
    assert "<title>&lt;i&gt;고양이 · striate</title>" in page
    assert "<h1>&lt;i&gt;고양이</h1>" in page
    assert '<p><span lang="en">1</span><span lang="ko">&lt;i&gt;고양이</span></p>' in page
    assert "default-src 'none'" in page
    assert "://" not in page
    assert "url(" not in page


def test_words_in_both_languages_are_text_and_what_is_missing_is_an_error() -> None:
    assert in_both("a & b", "<b>고양이") == (
        '<span lang="en">a &amp; b</span><span lang="ko">&lt;b&gt;고양이</span>'
    )
    with pytest.raises(UndefinedError):
        page_template("striate.trials", "find_lr.html").render()
