"""Hugging Face's words on the columns of a file: which hold pictures, and the class names that numbers stand for."""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from striate.errors import DataError
from striate.sources.tables.table import Cell, cell_of

# What stands for no class.
NO_CLASS = (None, -1)


def features_of(schema: Any) -> Mapping[str, Any]:
    """Return the words on each column of an Arrow schema, none where there are none that can be read."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def kind_of(feature: Any) -> str:
    """Return what a column is said to hold, such as Image or ClassLabel."""
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def class_names(feature: Any) -> Sequence[str]:
    """Return the class names of a column of class numbers, or of lists of them, in the form by which they compare."""
    if isinstance(feature, list) and feature:
        return class_names(feature[0])
    if isinstance(feature, dict) and "feature" in feature:
        return class_names(feature["feature"])
    return (
        [unicodedata.normalize("NFC", str(name).strip()) for name in feature["names"]]
        if kind_of(feature) == "ClassLabel" and "names" in feature
        else []
    )


def named_cells(values: Sequence[Any], names: Sequence[str], *, column: str) -> list[Cell]:
    """Return the cells of a column of class numbers, or lists of them, in names; texts are names as they are.

    Raises DataError for a number that has no name, for what is neither number nor text, and where the names do not
    tell the classes apart.
    """
    if "" in names:
        raise DataError(f"a class of column {column} has a blank name. Give each a name of its own.")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"'{twice[0]}' is the name of two classes of column {column}. Give each a name of its own."
        )
    return [
        tuple(_named(item, names, column, row) for item in value)
        if isinstance(value, list)
        else _named(value, names, column, row)
        for row, value in enumerate(values)
    ]


def _named(value: Any, names: Sequence[str], column: str, row: int) -> str:
    if value in NO_CLASS:
        return ""
    if isinstance(value, str):
        return str(cell_of(value))
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    raise DataError(
        f"row {row} has {value!r} in column {column}. Wanted: a number from 0 to {len(names) - 1}, since there are "
        f"{len(names)} class names, or -1 for none."
    )
