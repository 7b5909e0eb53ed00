"""The roles of a table's columns (file, label, split), inferred from their names alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Those names of FILE that mean a picture's id; a table that lists classes may have an id column too.
IDS = ("image_id", "img_id", "isic_id", "id_code", "id")
# Column names in lower case, with _ for spaces and hyphens; if a table has several, the first in this order is used.
FILE = (
    *("file", "filename", "file_name", "filepath", "filepaths", "file_path", "path", "파일", "파일명"),
    *("image", "image_path", "image_file", "image_filename", "image_name", "imagename", "image_index"),
    *("img", "img_path", "img_name", "picture", *IDS),
)
# Always classes, even if the cells are numbers.
CLASS = (
    *("label_name", "class_name", "classname", "category_name", "class", "category", "클래스"),
    *("diagnosis", "dx", "species", "breed"),
    *("class_id", "classid", "class_index", "label_id", "labelid", "category_id"),
)
# Classes, or regression targets if the cells are numbers with a fraction.
LABEL = ("label", "라벨", "레이블")
# Classes, or regression targets if the cells are numbers with a fraction or of which most differ.
TARGET = ("target", "y", "level")
# Several labels a picture, or classes if no cell has more than one.
LABELS = ("labels", "tags", "classes", "categories", "attributes", "finding_labels")
# Those names of LABELS whose labels may be separated by spaces.
TAGS = ("tags",)
# Always regression targets, as is every column whose name begins with one of the prefixes.
NUMBERS = ("value", "values")
NUMBER_PREFIXES = ("target:", "value:")
SPLIT = ("split", "set", "subset", "partition", "data_set", "dataset", "fold")
# Metadata of pictures, which is never learned.
BESIDE = (
    *("text", "caption", "captions", "prompt", "description", "objects", "bbox", "bboxes", "boxes"),
    *("width", "height", "url", "license", "source", "author", "index", "unnamed:_0", "md5", "sha256", ""),
)

Kind = Literal["class", "label", "target", "labels", "numbers", "rest"]


@dataclass(frozen=True)
class Roles:
    """The columns of a table that are used: the file, the columns to learn and their kind, and the split or ''.

    `kind` says how the cells are read: as the group of names above that has the column's, 'rest' if none has.
    """

    file: str
    kind: Kind
    learned: tuple[str, ...]
    split: str = ""

    @property
    def used(self) -> tuple[str, ...]:
        """The names of the columns that are read."""
        return (self.file, *self.learned, *((self.split,) if self.split else ()))


def roles_of(header: Sequence[str]) -> Roles | None:
    """Return the roles of a table's columns, or None where no column is a file or none can be learned."""
    plain = _plain(header)
    file, split = _first(plain, FILE), _first(plain, SPLIT)
    if not file:
        return None
    kinds: dict[Kind, tuple[str, ...]] = {
        "class": CLASS,
        "label": LABEL,
        "target": TARGET,
        "labels": LABELS,
        "numbers": NUMBERS,
    }
    if prefixed := tuple(name for key, name in plain.items() if key.startswith(NUMBER_PREFIXES)):
        return Roles(file, "numbers", prefixed, split)
    for kind, names in kinds.items():
        if learned := _first(plain, names):
            return Roles(file, kind, (learned,), split)
    rest = tuple(name for key, name in plain.items() if key not in (*BESIDE, *FILE, *SPLIT))
    return Roles(file, "rest", rest, split) if rest else None


def rivals_of(header: Sequence[str], roles: Roles) -> list[str]:
    """Return the columns that are named like labels too, but are not used."""
    names = {*CLASS, *LABEL, *TARGET, *LABELS}
    return [name for key, name in _plain(header).items() if key in names and name not in roles.used]


def _plain(header: Sequence[str]) -> dict[str, str]:
    return {name.lower().replace(" ", "_").replace("-", "_"): name for name in header}


def _first(plain: dict[str, str], names: Sequence[str]) -> str:
    return next((plain[name] for name in names if name in plain), "")
