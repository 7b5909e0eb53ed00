"""Writes a spec as readable source that needs nothing but PyTorch."""

from textwrap import wrap

from striate.spec.grammar import parse
from striate.spec.module import Module, Shape, times
from striate.spec.plan import plan
from striate.spec.tree import notation

INDENT = "    "
# The two classes of striate.layers, so that the source runs where striate is not installed.
CLASSES = {
    "Residual": '''

class Residual(nn.Module):
    """Layers whose output is added to their input, or to a projection of it."""

    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)
''',
    "DenseLayer": '''

class DenseLayer(nn.Module):
    """Layers whose output is put beside their input."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return torch.cat((x, self.body(x)), dim=1)
''',
}


def to_python(text: str, *, input: Shape = (3, 32, 32), num_classes: int | None = None) -> str:
    """Return PyTorch source whose `net` is the network that `build` makes: same modules, names and shapes."""
    modules = plan(text, input=input, num_classes=num_classes)
    used = {part.name for module in modules for part in module.walk()}
    title = f"{times(tuple(input))} -> {times(modules[-1].shape)}, from the spec:"
    lines = [
        f'"""{title}',
        "",
        *wrap(notation(parse(text)), 100, break_on_hyphens=False, break_long_words=False),
        '"""',
        "",
        *(["import torch"] if "DenseLayer" in used else []),
        "from torch import nn",
        *(line for name, source in CLASSES.items() if name in used for line in source.splitlines()),
        *(["", ""] if used & CLASSES.keys() else [""]),
        *_sequence(modules, tuple(input), prefix="net = ", depth=0),
    ]
    return "\n".join(lines).removesuffix(",") + "\n"


def _sequence(modules: tuple[Module, ...], shape: Shape, *, prefix: str, depth: int) -> list[str]:
    """Write `prefix` nn.Sequential( … ), one module a line, with the shape where it changes."""
    lines = [f"{INDENT * depth}{prefix}nn.Sequential("]
    for module in modules:
        note = "" if module.shape == shape else f"  # {times(module.shape)}"
        written = _written(module, shape, depth + 1)
        lines += [*written[:-1], written[-1] + note]
        shape = module.shape
    return [*lines, f"{INDENT * depth}),"]


def _written(module: Module, shape: Shape, depth: int) -> list[str]:
    if not module.body:
        arguments = [
            *map(repr, module.args),
            *(f"{name}={value!r}" for name, value in module.options),
        ]
        return [f"{INDENT * depth}nn.{module.name}({', '.join(arguments)}),"]
    lines = _sequence(module.body, shape, prefix="", depth=depth + 1)
    if module.shortcut:
        lines += _sequence(module.shortcut, shape, prefix="shortcut=", depth=depth + 1)
    return [f"{INDENT * depth}{module.name}(", *lines, f"{INDENT * depth}),"]
