from striate import spec

EXPECTED = '''"""1x8x8 -> 3, from the spec:

[conv3-4/s2b0 bn]+ relu [conv3x1-2]&*2 gap fc-classes
"""

import torch
from torch import nn


class Residual(nn.Module):
    """Layers whose output is added to their input, or to a projection of it."""

    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class DenseLayer(nn.Module):
    """Layers whose output is put beside their input."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return torch.cat((x, self.body(x)), dim=1)


net = nn.Sequential(
    Residual(
        nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False),  # 4x4x4
            nn.BatchNorm2d(4),
        ),
        shortcut=nn.Sequential(
            nn.Conv2d(1, 4, 1, stride=2, bias=False),  # 4x4x4
            nn.BatchNorm2d(4),
        ),
    ),  # 4x4x4
    nn.ReLU(),
    DenseLayer(
        nn.Sequential(
            nn.Conv2d(4, 2, (3, 1), padding=(1, 0)),  # 2x4x4
        ),
    ),  # 6x4x4
    DenseLayer(
        nn.Sequential(
            nn.Conv2d(6, 2, (3, 1), padding=(1, 0)),  # 2x4x4
        ),
    ),  # 8x4x4
    nn.AdaptiveAvgPool2d(1),  # 8x1x1
    nn.Flatten(),  # 8
    nn.Linear(8, 3),  # 3
)
'''


def test_the_source_reads_as_one_would_write_it() -> None:
    text = "[conv3-4/s2b0 bn]+ relu [conv3x1-2]&*2 gap fc-classes"
    assert spec.to_python(text, input=(1, 8, 8), num_classes=3) == EXPECTED


def test_the_source_of_plain_layers_defines_and_imports_nothing_else() -> None:
    source = spec.to_python("conv3-4 relu fc-10", input=(1, 4, 4))
    assert source.splitlines()[4:8] == ["", "from torch import nn", "", "net = nn.Sequential("]


def test_a_long_spec_is_folded_between_layers() -> None:
    source = spec.to_python("(conv3-8 relu)*2 " * 12 + "gap fc-10")
    folded = source.split('"""')[1].split("\n\n")[1]
    assert all(len(line) <= 100 for line in folded.splitlines())
    assert spec.parse(folded) == spec.parse("(conv3-8 relu)*2 " * 12 + "gap fc-10")
