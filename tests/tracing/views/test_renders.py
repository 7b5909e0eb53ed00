import json
import xml.etree.ElementTree as ET
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from rich.cells import cell_len
from torch import Tensor, nn

import striate
from striate.tracing.views.boxes import boxes
from striate.units import binary_bytes, count

Network = tuple[nn.Module, tuple[int, ...]]
PAGE = Path(__file__).parents[3] / "docs" / "summary.md"


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(864, 10)
    )


def test_the_json_is_plain_and_has_every_documented_key_and_no_other(network: Network) -> None:
    module, shape = network
    found = json.loads(json.dumps(striate.summary(module, shape).to_dict(), allow_nan=False))
    page = PAGE.read_text(encoding="utf-8")
    sections = {"document": found, "layer": found["layers"][0], "total": found["total"]}
    for name, part in sections.items():
        table = page.split(f"<!-- {name} -->")[1].split("<!-- end -->")[0]
        documented = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
        assert documented == set(part), name
    for key in ("name", "input", "layers", "total", "warnings"):
        assert key in found


def test_the_json_of_a_small_network() -> None:
    found = striate.summary(small(), (1, 28, 28), name="small").to_dict()
    assert (found["name"], found["input"], found["batch"], found["warnings"]) == ("small", [1, 28, 28], 1, [])
    assert found["layers"][2] == {
        **{
            "path": "2",
            "op": "avg_pool2d",
            "kind": "AvgPool2d",
            "output": [6, 12, 12],
            "params": 0,
            "macs": 0,
        },
        **{"kernel": [2, 2], "stride": [2, 2], "receptive_field": [6, 6], "receptive_field_min": None},
        **{"jump": [2, 2], "start": [0, 0], "activation_bytes": 3456, "weight": 0, "bias": 0, "norm": 0},
        **{"frozen": 0, "buffers": 0, "train_only": False, "inputs": [1], "seconds": None},
        "notes": ["the last map: each place sees 6 of 28 pixels, short of the whole image"],
    }
    assert found["total"]["macs"] == 86400 + 8640


def test_the_text_of_a_small_network() -> None:
    assert str(striate.summary(small(), (1, 28, 28), name="small")) == (
        """\
small, input 1x28x28
layer  operation         output   params    MACs  field  jump    memory
-----------------------------------------------------------------------
0      conv2d 5x5        6x24x24     156  86.4 k      5     1  13.5 KiB
1      tanh              6x24x24                      5     1  13.5 KiB
2      avg_pool2d 2x2/2  6x12x12                      6     2   3.4 KiB
3      flatten           864                          6     2
4      dropout           864                          6     2
5      linear            10        8,650   8,640     28            40 B
-----------------------------------------------------------------------
Parameters   8,806
MACs         95,040 for a picture (multiply-adds of convolutions and matrix products)
Activations  30.4 KiB written, 20.2 KiB kept to train
Memory       64.5 KiB at the most in inference, 146.8 KiB in training (SGD with momentum)
Intensity    1.8 FLOP per byte
Note: 2: the last map: each place sees 6 of 28 pixels, short of the whole image.
Note: 5: holds 98% of all parameters."""
    )


def test_depth_sums_what_lies_deeper_and_loses_nothing() -> None:
    net = nn.Sequential(small(), nn.Sequential(nn.Linear(10, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 2))))
    lines = striate.summary(net, (1, 28, 28)).text(depth=1).splitlines()
    assert [line.split()[:4] for line in lines[3:5]] == [["0", "...", "10", "8,806"], ["1", "...", "2", "67"]]


def test_korean_names_keep_the_columns_in_line() -> None:
    class 합성곱망(nn.Sequential):
        pass

    lines = str(striate.summary(합성곱망(nn.Sequential(nn.ReLU()), nn.Tanh()), (1, 8, 8))).splitlines()
    assert lines[0] == "합성곱망, input 1x8x8"
    net = nn.Sequential()
    net.add_module("합성곱", nn.Conv2d(1, 1, 3))
    net.add_module("conv", nn.Conv2d(1, 1, 3))
    rows = str(striate.summary(net, (1, 8, 8))).splitlines()[3:5]
    assert rows[0].index("conv2d") + 3 == rows[1].index("conv2d")


@pytest.mark.parametrize(
    "path", ["가나다라마바사아자차카타파하", "layer1.0.가나다라마바사아자차카타", "layer1.0.conv"]
)
def test_a_label_of_the_drawing_fits_its_column_in_any_script(path: str) -> None:
    box = ET.fromstring(striate.summary(named(path), (1, 8, 8)).svg())
    labels = [
        text for text in box.itertext() if text.strip("\u2026").strip() and text.strip("\u2026") in path
    ]
    assert labels
    assert all(cell_len(label) <= 18 for label in labels)


def named(path: str) -> nn.Module:
    """Return a convolution at a path of modules."""
    net: nn.Module = nn.Conv2d(1, 1, 3)
    for name in reversed(path.split(".")):
        net = nn.Sequential(OrderedDict({name: net}))
    return net


def test_every_render_of_every_network_is_whole(network: Network) -> None:
    module, shape = network
    found = striate.summary(module, shape, name="<망 & net>")
    drawing = ET.fromstring(found.svg())
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert "<망 & net>" in "".join(drawing.itertext())
    assert "&lt;망 &amp; net&gt;" in found.html()
    assert "http://" not in found.html().replace("http://www.w3.org/2000/svg", "")
    assert found._repr_html_() in found.html()
    assert found.__rich__().plain == str(found)


def test_a_chain_is_drawn_box_by_box_with_repeats_together() -> None:
    chain = "(conv3-4 relu)*2 maxpool2 (conv3-8 relu)*3 maxpool2 fc-16 relu fc-10"
    found = striate.summary(lambda: striate.load_module(chain, input=(3, 16, 16)), (3, 16, 16))
    assert [(box.kind, box.title, box.shape, box.repeats) for box in boxes(found)[1:]] == [
        ("conv", "conv 3x3", (4, 16, 16), 2),
        ("pool", "max pool 2x2/2", (4, 8, 8), 1),
        ("conv", "conv 3x3", (8, 8, 8), 3),
        ("pool", "max pool 2x2/2", (8, 4, 4), 1),
        ("dense", "linear", (16,), 1),
        ("dense", "linear", (10,), 1),
    ]


def test_lenet_is_drawn_with_its_subsampling_and_its_output() -> None:
    target = striate.find_network("lenet5")
    drawn = [(box.kind, box.path, box.shape) for box in boxes(striate.summary(target.make, target.input))[1:]]
    assert drawn == [
        ("conv", "c1", (6, 28, 28)),
        ("pool", "s2", (6, 14, 14)),
        ("block", "c3", (16, 10, 10)),
        ("pool", "s4", (16, 5, 5)),
        ("conv", "c5", (120, 1, 1)),
        ("pool", "", (120,)),
        ("dense", "f6", (84,)),
        ("other", "output", (10,)),
    ]


def test_a_page_has_a_cell_for_each_heading() -> None:
    page = striate.summary(small(), (1, 28, 28)).html()
    row = page.split("<tbody>")[1].split("</tr>")[0]
    assert page.count("<th>") == row.count("<td") == 9


def test_branches_are_drawn_as_blocks_and_training_heads_below() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x, self.conv(x + self.conv(x))], 1)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.block, self.fc, self.aux = (
                nn.Conv2d(3, 4, 3),
                Block(),
                nn.Linear(8, 2),
                nn.Linear(8, 3),
            )

        def forward(self, x: Tensor) -> object:
            x = self.block(self.stem(x)).mean((2, 3))
            return (self.fc(x), self.aux(x)) if self.training else self.fc(x)

    _, stem, block, pool, fc = boxes(striate.summary(Net(), (3, 16, 16)))
    assert (stem.kind, block.kind, block.title, block.joins, block.parts) == (
        "conv",
        "block",
        "Block",
        "cat",
        (4, 4),
    )
    assert (pool.title, fc.title) == ("global avg pool", "linear")
    assert [head.title for head in pool.branches] == ["aux"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "?"), (0, "0"), (840, "840"), (8640, "8,640"), (86_400, "86.4 k"), (4_089_184_256, "4.1 G")],
)
def test_counts_are_short(number: int | None, shown: str) -> None:
    assert count(number) == shown


def test_memory_is_in_binary_units() -> None:
    assert [binary_bytes(n) for n in (0, 40, 2048, 3 * 2**20, 2**31)] == [
        "0 B",
        "40 B",
        "2.0 KiB",
        "3.0 MiB",
        "2.0 GiB",
    ]
