"""check.html: one self-contained page on a data set's audit, with pictures, in English and Korean."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from striate.data.audit.audit import Audit, Copies
from striate.data.audit.check import Check
from striate.data.audit.findings import Finding
from striate.data.audit.inventory import Gathered
from striate.data.augment.augment import PRESETS
from striate.display.page import page_template
from striate.display.picture import image_url, visible
from striate.errors import command, unknown
from striate.host.durable import storage_errors, write_file
from striate.pictures.decode import BadPicture, decode
from striate.pictures.header import bands_of
from striate.pictures.preprocess import Preprocess, choose_side
from striate.report.audit_text import shown_classes
from striate.report.contact import Sheet, contact_sheet

# Groups of copies on the page, pictures of each, and pictures of any other finding.
GROUPS_SHOWN, MEMBERS_SHOWN, EXAMPLES_SHOWN = 30, 4, 12
UNREADABLE_SHOWN = 500
# The longer side of a small picture; smaller pictures are enlarged to it without smoothing.
THUMBNAIL = 128
# The findings about pictures that are worth seeing one by one.
SEEN = ("tiny", "blank", "misnamed", "animated", "mixed-colour")


@dataclass(frozen=True)
class Shown:
    """A picture on the page: its name, what stands below it, and a data URL or nothing."""

    name: str
    caption: str
    url: str


def audit_page(data: Gathered, audit: Audit, *, sheet: Sheet | None = None) -> str:
    """Return the page, with a contact sheet if there is one."""
    return page_template("striate.report", "audit.html").render(
        audit=audit,
        classes=_classes(audit),
        groups=[(copies, _members(data, copies)) for copies in audit.copies[:GROUPS_SHOWN]],
        pictures=[(finding, _examples(data, finding)) for finding in audit.findings if finding.code in SEEN],
        unreadable=audit.unreadable[:UNREADABLE_SHOWN],
        sheet=sheet,
    )


def _classes(audit: Audit) -> list[dict[str, Any]]:
    """Return the classes to list with their counts by split and each one's share of the largest."""
    if not audit.counts:
        return []
    most = max((count for counts in audit.counts.values() for count in counts.values()), default=0)
    return [
        {
            "name": name,
            "counts": [counts.get(name, 0) for counts in audit.counts.values()],
            "share": next(iter(audit.counts.values())).get(name, 0) / max(1, most),
        }
        for name in shown_classes(audit)
    ]


def _members(data: Gathered, copies: Copies) -> list[Shown]:
    several = len({copy.split for copy in copies.members}) > 1 or "all" not in data.splits
    return [
        Shown(
            copy.name,
            f"{copy.split}: {copy.label}" if several else copy.label,
            _thumbnail(data, copy.position),
        )
        for copy in copies.members[:MEMBERS_SHOWN]
    ]


def _examples(data: Gathered, finding: Finding) -> list[Shown]:
    return [
        Shown(data.name(position), data.label_of(position), _thumbnail(data, position))
        for position in finding.examples[:EXAMPLES_SHOWN]
    ]


def _thumbnail(data: Gathered, position: int) -> str:
    """Return a small picture as a data URL, or nothing where it can no longer be read."""
    try:
        encoded = data.read(position)
        pixels = decode(encoded, channels=bands_of(encoded) or 3, at_least=(THUMBNAIL, THUMBNAIL))
    except (BadPicture, OSError):
        return ""
    image = Image.fromarray(visible(pixels))
    longer = max(image.size)
    if longer > THUMBNAIL:
        image.thumbnail((THUMBNAIL, THUMBNAIL))
    elif longer <= THUMBNAIL // 2:
        scale = THUMBNAIL // longer
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    return image_url(np.asarray(image))


def write_audit_page(
    checked: Check, path: str | Path, *, augment: str | None = None, size: int | None = None
) -> Path:
    """Write the page of a check and return its path; with `augment`, a contact sheet at `size` or the chosen side.

    Raises UsageError for an unknown preset, StorageError where the disk is full.
    """
    if augment is not None and augment not in PRESETS:
        raise unknown("augmentation", augment, PRESETS)
    sheet = None
    if augment is not None:
        sheet = contact_sheet(checked.data, _preprocess(checked.audit, size), augment)
    page = audit_page(checked.data, checked.audit, sheet=sheet)
    # A file's name may not be UTF-8.
    content = page.encode("utf-8", "backslashreplace")
    with storage_errors(Path(path), f"run: {command('check', checked.audit.root, '--html', path)}"):
        write_file(Path(path), content)
    return Path(path)


def _preprocess(audit: Audit, size: int | None) -> Preprocess:
    """Return how the network would be given these pictures."""
    side, _ = choose_side(size=size, median=int(min(audit.height.median, audit.width.median)), own=None)
    grey = audit.modes.keys() <= {"grey", "grey and alpha", "black and white"}
    return Preprocess(size=(side, side), channels=1 if grey else 3, mean=(), std=())
