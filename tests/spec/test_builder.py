import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import striate
from striate import spec
from striate.layers import DenseLayer, Residual


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def built_without_weights(text: str, input: tuple[int, ...] = (3, 32, 32), **also: int) -> nn.Sequential:
    with torch.device("meta"):
        return spec.build(text, input=input, **also)


def test_the_example_of_the_lecture_has_640_and_125_450_parameters() -> None:
    net = spec.build("conv3-64 relu maxpool2 fc-10", input=(1, 28, 28))
    conv, _, pool, flatten, fc = net
    assert (parameters(conv), parameters(fc)) == (640, 125_450)
    assert (conv.weight.numel(), fc.weight.numel()) == (576, 125_440)
    x = torch.zeros(1, 1, 28, 28)
    assert net[:3](x).shape == (1, 64, 14, 14)
    assert net(x).shape == (1, 10)
    assert isinstance(pool, nn.MaxPool2d)
    assert isinstance(flatten, nn.Flatten)


@pytest.mark.parametrize(
    ("text", "input", "count"),
    [
        # 32x32x3, ten 5x5, stride 1, pad 2: (5*5*3 + 1) * 10. Seven 3x3x3 filters without bias: 189.
        ("conv5-10", (3, 32, 32), 760),
        ("conv3-7/b0", (3, 32, 32), 189),
        ("conv5-6/p0b0", (3, 32, 32), 450),
        # Two stacked 3x3 against one 5x5 on one channel: 18 weights against 25.
        ("conv3-1/b0*2", (1, 32, 32), 18),
        ("conv5-1/b0", (1, 32, 32), 25),
        # A network of five fully connected layers: 784-500-500-2000-10.
        ("(fc-500 sigmoid)*2 fc-2000 sigmoid fc-10", (1, 28, 28), 1_665_010),
        (
            "conv5-6/p0 tanh avgpool2 conv5-16/p0 tanh avgpool2 fc-120 tanh fc-84 tanh fc-10",
            (1, 32, 32),
            61_706,
        ),
        (
            "(conv3-64 relu)*2 maxpool (conv3-128 relu)*2 maxpool (conv3-256 relu)*3 maxpool"
            " ((conv3-512 relu)*3 maxpool)*2 (fc-4096 relu dropout)*2 fc-1000",
            (3, 224, 224),
            138_357_544,
        ),
        ("dwconv3/b0", (64, 8, 8), 9 * 64),
        ("tconv4-8/s2", (3, 8, 8), 4 * 4 * 3 * 8 + 8),
        ("prelu gn2", (4, 8, 8), 1 + 8),
    ],
)
def test_the_parameters_are_those_of_the_sums(text: str, input: tuple[int, ...], count: int) -> None:
    assert parameters(built_without_weights(text, input)) == count


def test_every_size_fits_the_same_padding() -> None:
    for kernel in range(1, 7):
        for stride in (1, 2, 3):
            for size in range(6, 13):
                if kernel % 2 or (stride > 1 and size % stride == 0):
                    net = built_without_weights(f"conv{kernel}-1/s{stride}", (1, size, size))
                    out = net(torch.empty(1, 1, size, size, device="meta"))
                    assert out.shape[2:] == (-(-size // stride),) * 2, (kernel, stride, size)


def test_a_transposed_convolution_grows_the_map_by_its_stride() -> None:
    for kernel in range(1, 7):
        for stride in (1, 2, 3):
            if kernel % 2 or stride > 1:
                net = built_without_weights(f"tconv{kernel}-1/s{stride}", (1, 5, 7))
                out = net(torch.empty(1, 1, 5, 7, device="meta"))
                assert out.shape[2:] == (5 * stride, 7 * stride), (kernel, stride)


def test_a_rectangular_kernel_is_rows_by_columns() -> None:
    conv = spec.build("conv1x7-4/s1x2")[0]
    assert (conv.kernel_size, conv.stride, conv.padding) == ((1, 7), (1, 2), (0, 3))


def test_a_residual_block_that_keeps_its_shape_adds_its_input_itself() -> None:
    (block,) = spec.build("[conv3-3 relu]+")
    assert isinstance(block, Residual)
    assert isinstance(block.shortcut, nn.Identity)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(block(x), block.body(x) + x)


@pytest.mark.parametrize(
    ("text", "shortcut"),
    [
        (
            "[conv3-8/s2b0 bn relu conv3-8/b0 bn]+",
            [nn.Conv2d(3, 8, 1, stride=2, bias=False), nn.BatchNorm2d(8)],
        ),
        ("[bn relu conv3-8/b0]+", [nn.Conv2d(3, 8, 1, bias=False)]),
        ("[(conv3-8/s2 relu)*2]+", [nn.Conv2d(3, 8, 1, stride=4, bias=False)]),
        ("[conv3-3 maxpool2x1]+", [nn.Conv2d(3, 3, 1, stride=(2, 1), bias=False)]),
        ("[(conv3-8 bn)*2]+", [nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8)]),
        ("[conv3-8 gn4]+", [nn.Conv2d(3, 8, 1, bias=False), nn.GroupNorm(4, 8)]),
    ],
)
def test_a_residual_block_that_changes_its_shape_projects_its_input(
    text: str, shortcut: list[nn.Module]
) -> None:
    (block,) = spec.build(text)
    assert str(block.shortcut) == str(nn.Sequential(*shortcut))
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(block.eval()(x), block.body(x) + block.shortcut(x))


def test_a_stride_is_projected_even_where_the_map_is_one_pixel() -> None:
    large, small = (built_without_weights("[conv3-3/s2]+ gap fc-2", (3, n, n)) for n in (32, 1))
    assert parameters(large) == parameters(small)


def test_a_residual_block_of_vectors_projects_with_a_linear_layer() -> None:
    net = spec.build("flatten [fc-8 relu]+ [fc-8 bn]+", input=(1, 2, 2))
    assert str(net[1].shortcut) == str(nn.Sequential(nn.Linear(4, 8, bias=False)))
    assert isinstance(net[2].shortcut, nn.Identity)
    assert net(torch.randn(3, 1, 2, 2)).shape == (3, 8)


def test_a_dense_block_puts_its_output_beside_its_input() -> None:
    (block,) = spec.build("[conv3-5]&")
    assert isinstance(block, DenseLayer)
    x = torch.randn(2, 3, 8, 8)
    y = block(x)
    assert y.shape == (2, 8, 8, 8)
    assert torch.equal(y[:, :3], x)
    assert torch.equal(y[:, 3:], block.body(x))


def test_a_map_is_flattened_before_a_fully_connected_layer_and_only_then() -> None:
    names = [type(m).__name__ for m in spec.build("conv3-4 fc-8 relu fc-8 bn")]
    assert names == ["Conv2d", "Flatten", "Linear", "ReLU", "Linear", "BatchNorm1d"]
    names = [type(m).__name__ for m in spec.build("conv3-4 flatten fc-8")]
    assert names == ["Conv2d", "Flatten", "Linear"]


def test_response_normalisation_is_that_of_the_paper() -> None:
    (lrn,) = spec.build("lrn", input=(8, 1, 1))
    x = torch.rand(1, 8, 1, 1) * 100
    a = x.flatten()
    paper = [a[i] / (2 + 1e-4 * (a[max(0, i - 2) : i + 3] ** 2).sum()) ** 0.75 for i in range(8)]
    torch.testing.assert_close(lrn(x).flatten(), torch.stack(paper))


@pytest.mark.parametrize("num_classes", [2, 37])
def test_one_spec_serves_any_number_of_classes(num_classes: int) -> None:
    for text in ("conv3-8 relu gap fc-classes", "conv3-8 relu conv1-classes gap"):
        net = spec.build(text, num_classes=num_classes)
        assert net(torch.zeros(2, 3, 32, 32)).shape == (2, num_classes)


@pytest.mark.parametrize("input", [(1, 28, 28), (3, 33, 47), (4, 224, 224), (12, 8, 8)])
def test_one_spec_serves_any_image_size(input: tuple[int, int, int]) -> None:
    text = "conv7-8/s2 bn relu [conv3-16/s2 bn relu conv3-16 bn]+ relu [bn conv3-4]& maxpool2 fc-8 fc-classes"
    net = spec.build(text, input=input, num_classes=5)
    assert net(torch.zeros(2, *input)).shape == (2, 5)


def test_a_built_net_learns() -> None:
    torch.manual_seed(0)
    text = (
        "conv3-8 bn relu maxpool2 [conv3-8 bn relu]+ [bn conv3-4]& dwconv3 gap fc-16 bn relu dropout0.1 fc-4"
    )
    net = spec.build(text, input=(1, 12, 12))
    x, y = torch.randn(16, 1, 12, 12), torch.arange(16) % 4
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_the_spec_package_reads_and_prints_without_torch() -> None:
    code = (
        "import sys; from striate import spec; spec.parse('fc-10'); spec.is_spec('fc-10');"
        "spec.to_python('conv3-4 fc-10'); assert 'torch' not in sys.modules"
    )
    source = str(Path(striate.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": source})
