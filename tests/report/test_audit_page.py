"""The page of an audit: complete by itself, in two languages, with the pictures it speaks of."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from messy import gathered, make_messy, picture
from PIL import Image

from striate.data.audit.audit import audit_gathered
from striate.data.audit.check import Check
from striate.display.picture import image_url
from striate.errors import StorageError, UsageError
from striate.report.audit_page import audit_page, write_audit_page
from striate.report.audit_text import CLASSES_SHOWN, audit_text


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Check:
    data = gathered(make_messy(tmp_path_factory.mktemp("page") / "messy"))
    return Check(data, audit_gathered(data))


class Links(HTMLParser):
    """Gathers what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_loads_nothing_and_shows_every_finding_in_both_languages(messy: Check) -> None:
    page = audit_page(messy.data, messy.audit)
    links = Links()
    links.feed(page)
    assert links.found
    assert all(link.startswith("data:image/") for link in links.found)
    plain = re.sub("&#39;", "'", page)
    for finding in messy.audit.findings:
        assert f'<span lang="en">{finding.english}</span><span lang="ko">{finding.korean}</span>' in plain
    for bad in messy.audit.unreadable:
        assert bad.name in page
        assert bad.reason in page
    assert "train/dog/near conflict.jpg" in page


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    for name in ("<b>bold", "a&b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("L", (40, 40), 7).save(tmp_path / "set" / name / "<script>.png")
    data = gathered(tmp_path / "set")
    page = audit_page(data, audit_gathered(data))
    assert "<b>bold" not in page
    assert "<script>." not in page
    assert "&lt;b&gt;bold" in page


def test_the_contact_sheet_shows_each_picture_as_it_is_and_in_eight_epochs(
    messy: Check, tmp_path: Path
) -> None:
    path = write_audit_page(messy, tmp_path / "page.html", augment="photos", size=24)
    sheet = path.read_text(encoding="utf-8").split('<div class="sheet">')[1].split("</div>")[0]
    urls = re.findall(r'src="data:image/\w+;base64,([^"]+)"', sheet)
    assert len(urls) == 8 * 9
    assert {Image.open(io.BytesIO(base64.b64decode(url))).size for url in urls} == {(24, 24)}
    assert len(set(urls)) > 60
    again = write_audit_page(messy, tmp_path / "again.html", augment="photos", size=24)
    assert again.read_bytes() == path.read_bytes()


def test_an_unknown_preset_and_a_full_disk_are_errors(messy: Check) -> None:
    with pytest.raises(UsageError) as preset:
        write_audit_page(messy, "page.html", augment="photoz")
    assert str(preset.value) == "Unknown augmentation 'photoz'. Did you mean 'photos'?"
    with pytest.raises(StorageError) as full:
        write_audit_page(messy, "/dev/full/page.html")
    assert str(full.value).startswith("/dev/full/page.html: cannot be written (Not a directory). ")


def test_a_picture_that_is_gone_leaves_a_gap(tmp_path: Path) -> None:
    root = make_messy(tmp_path / "messy")
    data = gathered(root)
    (root / "train" / "dog" / "white.png").unlink()
    assert '<div class="gone">?</div>' in audit_page(data, audit_gathered(data))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_data_url_holds_the_picture(mode: str) -> None:
    pixels = np.asarray(picture(0).convert(mode))
    url = image_url(pixels)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))
    assert shown.shape == pixels.shape
    assert np.abs(shown.astype(int) - pixels).mean() < 3


def test_of_very_many_classes_the_largest_and_the_smallest_are_listed(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / "set" / f"c{number}").mkdir(parents=True)
        for i in range(2 + number % 3):
            Image.fromarray(np.random.default_rng((number, i)).integers(0, 256, (9, 9), np.uint8)).save(
                tmp_path / "set" / f"c{number}" / f"{i}.png"
            )
    data = gathered(tmp_path / "set")
    lines = audit_text(audit_gathered(data)).splitlines()
    table = lines[lines.index("class   pictures") + 1 :][: CLASSES_SHOWN + 1]
    assert [line.split()[-1] for line in table] == ["4"] * 12 + ["..."] + ["2"] * 12


def test_lines_are_no_wider_than_asked(messy: Check) -> None:
    for width in (40, 60, 80):
        text = audit_text(messy.audit, width=width)
        assert max(len(line) + sum(ord(c) > 0x1100 for c in line) for line in text.splitlines()) <= width


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    for name in ("a\x1b[31m", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1\n2.png").write_bytes(b"")
    data = gathered(tmp_path / "set")
    text = audit_text(audit_gathered(data))
    assert "\x1b" not in text
    assert "a\\x1b[31m/1\\n2.png: the file is empty" in text
