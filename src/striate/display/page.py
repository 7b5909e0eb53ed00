"""The template that every page extends: its head, style, language buttons and footer."""

from collections.abc import Callable, Mapping

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup


def page_template(
    package: str, name: str, *, filters: Mapping[str, Callable[..., str]] | None = None
) -> Template:
    """Return a template of a package, which may extend page.html; it escapes text and has `in_both` as `t`."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("striate.display")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= filters or {}
    environment.globals["t"] = in_both
    return environment.get_template(name)


def in_both(english: object, korean: object) -> Markup:
    """Return HTML with a text in English and in Korean, of which the page shows the chosen language."""
    return Markup('<span lang="en">{}</span><span lang="ko">{}</span>').format(english, korean)
