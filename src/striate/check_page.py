"""Writes the page of a check, with a contact sheet where one is asked for."""

from pathlib import Path

from striate.data.audit.audit import Audit
from striate.data.audit.check import Check
from striate.data.augment.augment import PRESETS
from striate.errors import command, unknown
from striate.host.durable import storage_errors, write_file
from striate.look.audit_page import audit_page
from striate.look.contact import contact_sheet
from striate.pictures.preprocess import Preprocess, choose_side


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
