import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from striate.nets.papers.dense_block import can_recompute
from striate.nets.papers.densenet import TABLE_1, DenseNet
from striate.nets.papers.densenet_cifar import TABLE_2, CifarDenseNet

# What the paper's tables come to, exactly: depth, or (depth, growth rate, bottleneck) -> parameters.
IMAGENET = {121: 7_978_856, 161: 28_681_000, 169: 14_149_480, 201: 20_013_928, 264: 33_337_704}
CIFAR = {
    (40, 12, False): 1_019_722,
    (100, 12, False): 6_979_642,
    (100, 24, False): 27_249_082,
    (100, 12, True): 769_162,
    (250, 24, True): 15_324_406,
    (190, 40, True): 25_624_430,
}


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def small(*, checkpoint: bool, bottleneck: bool = True, drop_rate: float = 0.0) -> CifarDenseNet:
    torch.manual_seed(7)
    depth = 22 if bottleneck else 13
    net = CifarDenseNet(
        5, depth=depth, growth_rate=4, bottleneck=bottleneck, drop_rate=drop_rate, checkpoint=checkpoint
    )
    return net.double()


def step(net: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return output, gradients and buffers after one forward and backward pass from a fixed seed."""
    torch.manual_seed(11)
    x = x.clone().requires_grad_()
    y = net(x)
    cross_entropy(y, torch.arange(len(x)) % 5).backward()
    assert x.grad is not None
    grads = {f"grad of {k}": p.grad for k, p in net.named_parameters() if p.grad is not None}
    assert len(grads) == len(list(net.parameters()))
    return {"output": y.detach(), "grad of x": x.grad, **grads, **dict(net.named_buffers())}


def assert_same(got: dict[str, Tensor], wanted: dict[str, Tensor], *, rtol: float) -> None:
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(got[name], value, rtol=rtol, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("depth", TABLE_1)
def test_the_imagenet_forms_have_the_published_parameters(depth: int) -> None:
    with torch.device("meta"):
        assert count(DenseNet(depth=depth)) == IMAGENET[depth]


@pytest.mark.parametrize("row", TABLE_2)
def test_the_cifar_forms_have_the_published_parameters(row: tuple[int, int, bool]) -> None:
    depth, growth_rate, bottleneck = row
    with torch.device("meta"):
        net = CifarDenseNet(depth=depth, growth_rate=growth_rate, bottleneck=bottleneck)
    assert count(net) == CIFAR[row]


@pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["nchw", "channels_last"]
)
@pytest.mark.parametrize("bottleneck", [True, False])
@pytest.mark.parametrize("drop_rate", [0.0, 0.2])
def test_computing_again_changes_neither_output_nor_gradient_nor_statistics(
    layout: torch.memory_format, bottleneck: bool, drop_rate: float
) -> None:
    x = torch.randn(3, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=layout)
    plain = step(
        small(checkpoint=False, bottleneck=bottleneck, drop_rate=drop_rate).to(memory_format=layout), x
    )
    again = step(
        small(checkpoint=True, bottleneck=bottleneck, drop_rate=drop_rate).to(memory_format=layout), x
    )
    assert plain.keys() == again.keys()
    for name, value in plain.items():
        torch.testing.assert_close(
            again[name], value, rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_the_imagenet_form_computed_again_is_the_same() -> None:
    torch.manual_seed(0)
    nets = [DenseNet(5, checkpoint=checkpoint).double() for checkpoint in (False, True)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    plain, again = (step(net, x) for net in nets)
    for name, value in plain.items():
        torch.testing.assert_close(
            again[name], value, rtol=1e-6, atol=1e-10, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_a_gradient_can_be_asked_of_the_input_alone() -> None:
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    grads = []
    for checkpoint in (False, True):
        net = small(checkpoint=checkpoint).requires_grad_(False)
        image = x.clone().requires_grad_()
        net(image).square().sum().backward()
        grads.append(image.grad)
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-9, atol=1e-12)


def test_a_frozen_norm_is_left_to_the_plain_path() -> None:
    net = small(checkpoint=True)
    assert can_recompute(net)
    norm = net.get_submodule("features.denseblock2.denselayer1.norm2")
    norm.eval()
    assert not can_recompute(net)
    before = {k: v.clone() for k, v in norm.state_dict().items()}
    net(torch.randn(2, 3, 16, 16, dtype=torch.float64))
    assert all(torch.equal(v, before[k]) for k, v in norm.state_dict().items())


def test_half_precision_stays_near_full_precision() -> None:
    x = torch.randn(4, 3, 16, 16)
    exact = small(checkpoint=True).float()(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = small(checkpoint=True).float()(x)
    rough.sum().backward()
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05)


def test_what_is_kept_for_the_gradient_is_under_half() -> None:
    def kept(checkpoint: bool) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        net = DenseNet(5, checkpoint=checkpoint)
        weights = sum(4 * p.numel() for p in net.parameters())
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = net(torch.randn(2, 3, 128, 128)).sum()
        loss.backward()
        return sum(sizes.values()) - weights

    assert kept(True) < 0.35 * kept(False)
