"""Documentation that a test keeps true."""

import re
import sys
from pathlib import Path

from striate.cli.main import VERBS

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import write_cli_page  # noqa: E402

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
