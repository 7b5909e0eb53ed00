"""Pages of trials: self-contained HTML, in English and Korean."""

from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a page made of a template."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("striate.trials"), PackageLoader("striate.look")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(template).render(values)
