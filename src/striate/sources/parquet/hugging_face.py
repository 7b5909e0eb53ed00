"""Hugging Face's metadata on columns (their features): which hold pictures, and the class names of class indices."""

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from striate.errors import DataError
from striate.sources.tables.table import Cell, cell_of

# Values for a row without a class.
NO_CLASS = (None, -1)


def features_of(schema: Any) -> Mapping[str, Any]:
    """Return column -> feature from the Hugging Face metadata of an Arrow schema, empty where there is none to read."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def kind_of(feature: Any) -> str:
    """Return the type of a feature, such as Image or ClassLabel, or ''."""
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def class_names(feature: Any) -> Sequence[str]:
    """Return the class names of a ClassLabel feature, or of lists of it, stripped and in NFC; empty for any other."""
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
    """Return a column of class indices, or of lists of them, as class names; texts are class names already.

    Raises DataError for an index without a name, for a value that is neither integer nor text, and where a name is
    blank or belongs to two classes.
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
