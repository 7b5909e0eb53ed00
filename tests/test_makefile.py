"""What `make test` installs: all that a test may ask for, in versions that are written down."""

import re
import tomllib
from pathlib import Path

from striate.host.extras import LEAVES

ROOT = Path(__file__).parent.parent
PINNED = set(
    re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8").lower(), re.MULTILINE)
)


def installed_extras() -> set[str]:
    (names,) = re.findall(r'-e "\.\[(.+)\]"', (ROOT / "Makefile").read_text(encoding="utf-8"))
    return set(names.split(","))


def test_the_tests_have_every_extra_so_that_none_is_skipped_for_want_of_one() -> None:
    assert installed_extras() >= {"pretrained", *(leaf.extra for leaf in LEAVES.values())}


def test_what_the_tests_install_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name in installed_extras() for line in extras[name])]
    assert {re.split("[>=]=", line)[0].lower() for line in wanted} <= PINNED
