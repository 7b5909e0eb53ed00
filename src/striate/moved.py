"""Modules that have moved since scripts were ejected or written against them: their old names lead to the new ones."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

# What ejected scripts and the documentation of 0.1.0 before 30 November 2026 named -> where it stands now.
MOVED = {
    "striate.preparation": "striate.preparing.prepare",
    "striate.data.mix": "striate.data.augment.mix",
    "striate.nets.convolutional": "striate.nets.papers.convolutional",
    "striate.rule": "striate.learning.rule",
    "striate.tasks.class_scores": "striate.tasks.classification",
    "striate.tasks.label_scores": "striate.tasks.multi_label",
    "striate.tasks.target_scores": "striate.tasks.regression",
    "striate.data.arrays": "striate.sources.arrays.arrays",
    "striate.data.pictures": "striate.sources.source",
    "striate.data.preprocess": "striate.pictures.preprocess",
    "striate.data.progress": "striate.progress",
}


class MovedModules:
    """A finder and loader by which an import of an old name gives the module of the new name itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how an old name is imported, None for any other."""
        return ModuleSpec(name, self) if name in MOVED else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python to make a module, which `exec_module` puts another in the place of."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of the new name in the place of the one just made."""
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


def follow_moves() -> None:
    """Let the old names be imported, after all that Python finds by itself."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
