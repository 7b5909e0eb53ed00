"""Documentation that a test keeps true."""

import re
from pathlib import Path

import draw_house
import write_cli_page
from house import FILES, OPEN, SRC, family, owner

from striate.cli.main import VERBS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_help_in_the_docs_is_current() -> None:
    assert write_cli_page.PAGE.read_text(encoding="utf-8") == write_cli_page.page()


def test_every_verb_has_a_row_in_the_readme() -> None:
    rows = re.findall(
        r"^\| `striate ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert rows == list(VERBS)


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# What stands in backticks with a slash, or as the name of a file; an X in it is the name of what is added.
NAMED_PATHS = re.findall(
    r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|json|toml|txt|svg)|(?:[\w-]+/)+|Makefile)`", ARCHITECTURE
)


def test_the_picture_of_the_house_is_current() -> None:
    assert draw_house.PAGE.read_text(encoding="utf-8") == draw_house.picture(), "make golden"


def test_the_picture_shows_every_package_once_and_no_two_rooms_touch() -> None:
    house = draw_house.plan()
    packages = {family(owner(path)) for path in FILES} - draw_house.PART_OF.keys() - set(OPEN)
    rooms = [room for floor in house for room in floor if room.name]
    assert sorted(room.name for room in rooms) == sorted(packages | {"striate"})
    for floor in house:
        edges = [x for room in floor for x in (room.centre - room.width / 2, room.centre + room.width / 2)]
        assert edges == sorted(edges), [room.name for room in floor]
        assert edges[0] >= 0
        assert edges[-1] <= draw_house.WIDTH


def test_every_arrow_leads_down_and_none_follows_from_others() -> None:
    level = draw_house.floors({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    assert level == {"a": 2, "b": 1, "c": 0}
    assert draw_house.arrows({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": ["b"], "b": ["c"], "c": []}


def test_the_page_of_the_house_has_the_promise_of_every_package_as_it_stands_there() -> None:
    assert draw_house.table() in ARCHITECTURE, "make golden"


def test_every_path_on_the_page_of_the_house_exists() -> None:
    assert len(NAMED_PATHS) > 80
    written_by_runs = {"recipe.toml"}
    lost = {
        path
        for path in NAMED_PATHS
        if not any(any(root.glob(path.replace("X", "*"))) for root in (ROOT, SRC))
        and path not in written_by_runs
    }
    assert not lost


def test_every_table_named_on_the_page_of_the_house_stands_in_its_file() -> None:
    rows = re.findall(r"^\| (`.+`[^|]*) \| (.+) \|$", ARCHITECTURE, re.MULTILINE)
    for files, told in rows:
        paths = [path for path in re.findall(r"`([\w./]+\.py)`", files) if "X" not in path]
        texts = [
            file.read_text(encoding="utf-8")
            for path in paths
            for file in (ROOT / path, SRC / path)
            if file.is_file()
        ]
        for name in re.findall(r"`(_?[A-Z_]{4,})`", told) if texts else ():
            assert any(re.search(rf"\b{name}\b", text) for text in texts), f"{name} in {paths}"
