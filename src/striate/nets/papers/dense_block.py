"""Pleiss, Chen, Huang, Li, van der Maaten, Weinberger, "Memory-efficient implementation of DenseNets", 2017.

https://arxiv.org/abs/1707.06990. A dense block keeps what its convolutions made; concatenation, norm and ReLU
are cheap and are computed again in the backward pass.

Departures: two steps further than the report. Every layer that reads a feature map normalises it with the same
batch statistics, so they are computed once for each map, not for each reader, and so is the gradient through
them. And all maps of a block lie in one buffer from the start, so nothing is concatenated.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d, relu
from torch.utils.checkpoint import checkpoint

aten = torch.ops.aten


class Layer(Protocol):
    """What the block needs of a layer; norm2 and conv2 only with a bottleneck."""

    norm1: nn.BatchNorm2d
    conv1: nn.Conv2d
    norm2: nn.BatchNorm2d
    conv2: nn.Conv2d
    bottleneck: bool
    drop_rate: float


def can_recompute(module: nn.Module) -> bool:
    """Tell whether gradients are enabled and every norm in `module` uses batch statistics."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    live = all(m.training and m.momentum is not None and m.weight.device.type != "meta" for m in norms)
    # There is none where norms of another class, such as synchronised ones, have taken their place.
    return bool(norms) and live and torch.is_grad_enabled()


def norm_relu_pool(x: Tensor, norm: nn.BatchNorm2d, pool: Callable[[Tensor], Tensor]) -> Tensor:
    """Return pool(relu(norm(x))), keeping only `x` for the backward pass."""

    def run(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, mean, rstd = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, norm.eps)
        return pool(relu(y, inplace=True)), mean, rstd

    y, mean, rstd = checkpoint(run, x, norm.weight, norm.bias, use_reentrant=False, preserve_rng_state=False)
    track(norm, mean, rstd, x)
    return y


def recomputing_block(x: Tensor, layers: Sequence[Layer]) -> Tensor:
    """Run a dense block on (B, C, H, W) and return all its maps, keeping one buffer and the bottlenecks."""
    if torch.is_autocast_enabled(x.device.type):
        x = x.to(torch.get_autocast_dtype(x.device.type))
    apply: Callable[..., Tensor] = DenseBlockFunction.apply
    with torch.autocast(x.device.type, enabled=False):
        return apply(x, layers, *(w for layer in layers for w in weights_of(layer)))


def weights_of(layer: Layer) -> tuple[Tensor, ...]:
    """Return a layer's trainable tensors in the order in which the block's function takes them."""
    first = (layer.norm1.weight, layer.norm1.bias, layer.conv1.weight)
    return (*first, layer.norm2.weight, layer.norm2.bias, layer.conv2.weight) if layer.bottleneck else first


class DenseBlockFunction(torch.autograd.Function):
    """The block as one operation with its own gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layers: Sequence[Layer], *weights: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C + layers * growth_rate, H, W)."""
        maps = Maps.starting_with(x, layers)
        room = Room(maps.buffer)
        kept: list[Tensor | None] = []
        width = maps.write(0, x)
        for layer, (gamma, beta, kernel, *bottleneck) in zip(layers, split(weights, layers), strict=True):
            track(layer.norm1, maps.mean[:width], maps.rstd[:width], x)
            y = convolve(maps.read(width, gamma, beta, room), kernel)
            inside: tuple[Tensor | None, ...] = (None, None, None)
            if bottleneck:
                mean, rstd = statistics_of(y, layer.norm2)
                inside = (y, mean, rstd)
                y = convolve(norm_relu(y, bottleneck[0], bottleneck[1], mean, rstd, room), bottleneck[2])
            y, dropped = torch.native_dropout(y, layer.drop_rate, True) if layer.drop_rate else (y, None)
            kept += [*inside, dropped]
            width = maps.write(width, y)
        ctx.layers, ctx.start = layers, x.shape[1]
        ctx.save_for_backward(maps.buffer, maps.mean, maps.rstd, *kept, *weights)
        return maps.buffer

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Go through the layers from the last, recomputing what each convolution read."""
        layers, (buffer, mean, rstd, *saved) = ctx.layers, ctx.saved_tensors
        maps, slopes, room = Maps(buffer, mean, rstd), Slopes(grad, mean, rstd), Room(buffer)
        kept, weights = saved[: 4 * len(layers)], split(saved[4 * len(layers) :], layers)
        grads: list[Tensor] = []
        width = buffer.shape[1]
        for i in reversed(range(len(layers))):
            gamma, beta, kernel, *bottleneck = weights[i]
            narrow, *statistics, dropped = kept[4 * i : 4 * i + 4]
            width, end = width - (bottleneck or weights[i])[2].shape[0], width
            g = slopes.take(width, end, buffer)
            if dropped is not None:
                g = aten.native_dropout_backward(g, dropped, 1 / (1 - layers[i].drop_rate))
            rest: list[Tensor] = []
            if bottleneck:
                g, rest = through_bottleneck(g, narrow, statistics, bottleneck, room)
            read = maps.read(width, gamma, beta, room)
            g, grad_kernel = through(g, read, kernel)
            grads = [*slopes.add(g, gamma, maps.buffer[:, :width], scratch=read), grad_kernel, *rest, *grads]
        return (slopes.take(0, width, buffer), None, *grads)


class Room:
    """A buffer for one intermediate tensor at a time, in the memory format of `maps`.

    Fresh pages from the system for each would cost more time than the computation.
    """

    def __init__(self, maps: Tensor) -> None:
        self.flat = torch.empty(maps.numel(), dtype=maps.dtype, device=maps.device)
        self.last = maps.is_contiguous(memory_format=torch.channels_last)

    def like(self, x: Tensor) -> Tensor:
        """Return an uninitialised tensor of the shape of `x`, (B, C, H, W), in the buffer where it fits."""
        b, c, h, w = x.shape
        flat = self.flat if x.numel() <= len(self.flat) else x.new_empty(x.numel())
        flat = flat[: x.numel()]
        return flat.view(b, h, w, c).permute(0, 3, 1, 2) if self.last else flat.view(b, c, h, w)


class Maps:
    """All maps of a block in one buffer, each with the batch statistics that every reader shares."""

    def __init__(self, buffer: Tensor, mean: Tensor, rstd: Tensor, *, eps: float = 0.0) -> None:
        self.buffer, self.mean, self.rstd, self.eps = buffer, mean, rstd, eps

    @classmethod
    def starting_with(cls, x: Tensor, layers: Sequence[Layer]) -> "Maps":
        """Allocate a buffer for the input `x` and the maps of all layers, in the memory format of `x`."""
        norm = layers[0].norm1
        total = x.shape[1] + sum(
            (layer.conv2 if layer.bottleneck else layer.conv1).out_channels for layer in layers
        )
        last = x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        shape = (x.shape[0], total, *x.shape[2:])
        buffer = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
        mean, rstd = norm.weight.new_empty(total), norm.weight.new_empty(total)
        return cls(buffer, mean, rstd, eps=norm.eps)

    def write(self, start: int, x: Tensor) -> int:
        """Put `x` behind the first `start` maps with its statistics; return how many there are now."""
        end = start + x.shape[1]
        self.buffer[:, start:end] = x
        variance, mean = torch.var_mean(x.to(self.mean.dtype), (0, 2, 3), correction=0)
        self.mean[start:end] = mean
        self.rstd[start:end] = (variance + self.eps).rsqrt_()
        return end

    def read(self, width: int, gamma: Tensor, beta: Tensor, room: Room) -> Tensor:
        """Return ReLU(norm) of the first `width` maps."""
        return norm_relu(self.buffer[:, :width], gamma, beta, self.mean[:width], self.rstd[:width], room)


class Slopes:
    """The gradient of each feature map, summed over the layers that read it.

    Through a norm, the gradient of a map x with normalised form n is
    rstd * (s - mean(s) - n * mean(s * n)), where s is the sum of gamma * gradient over the readers. The first
    term is added up as readers come, the two means once, when the map's gradient is taken.
    """

    def __init__(self, grad: Tensor, mean: Tensor, rstd: Tensor) -> None:
        self.grad, self.mean, self.rstd = grad.clone(), mean, rstd
        self.sum, self.dot = torch.zeros_like(mean), torch.zeros_like(mean)

    def add(self, grad: Tensor, gamma: Tensor, x: Tensor, *, scratch: Tensor) -> tuple[Tensor, Tensor]:
        """Add a reader's gradient, taken behind its norm; return those of its gamma and beta."""
        width, dims = len(gamma), (0, 2, 3)
        mean, rstd = self.mean[:width], self.rstd[:width]
        grad_beta = grad.sum(dims, dtype=mean.dtype)
        product = torch.mul(grad, x, out=scratch).sum(dims, dtype=mean.dtype)
        grad_gamma = (product - mean * grad_beta) * rstd
        self.sum[:width] += gamma * grad_beta
        self.dot[:width] += gamma * grad_gamma
        self.grad[:, :width].addcmul_(grad, column(gamma * rstd, grad))
        return grad_gamma, grad_beta

    def take(self, start: int, end: int, maps: Tensor) -> Tensor:
        """Return the whole gradient of the maps from `start` to `end`, whose readers have all been added."""
        rstd, count = self.rstd[start:end], maps.numel() // maps.shape[1]
        slope = rstd.square() * self.dot[start:end] / count
        offset = rstd * self.sum[start:end] / count - slope * self.mean[start:end]
        x, grad = maps[:, start:end], self.grad[:, start:end]
        return grad - torch.addcmul(column(offset, x), x, column(slope, x))


def split(weights: Sequence[Tensor], layers: Sequence[Layer]) -> list[Sequence[Tensor]]:
    """Split the flat weights into one sequence for each layer."""
    size = len(weights) // len(layers)
    return [weights[i : i + size] for i in range(0, len(weights), size)]


def column(vector: Tensor, like: Tensor) -> Tensor:
    """(C,) -> (C, 1, 1) in the dtype of `like`."""
    return vector[:, None, None].to(like.dtype)


def norm_relu(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, rstd: Tensor, room: Room) -> Tensor:
    """Return relu(gamma * (x - mean) * rstd + beta), valid until `room` is used again."""
    scale = gamma * rstd
    out = room.like(x)
    return torch.addcmul(column(beta - mean * scale, x), x, column(scale, x), out=out).relu_()


def statistics_of(x: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return the batch's mean and reciprocal deviation, and update the norm's running statistics."""
    variance, mean = torch.var_mean(x.to(norm.weight.dtype), (0, 2, 3), correction=0)
    rstd = (variance + norm.eps).rsqrt_()
    track(norm, mean, rstd, x)
    return mean, rstd


def track(norm: nn.BatchNorm2d, mean: Tensor, rstd: Tensor, x: Tensor) -> None:
    """Update the running statistics of `norm` as nn.BatchNorm2d does."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    count, momentum = x.numel() // x.shape[1], norm.momentum or 0.0
    with torch.no_grad():
        norm.num_batches_tracked.add_(1)
        norm.running_mean.lerp_(mean, momentum)
        norm.running_var.lerp_((rstd.pow(-2) - norm.eps) * (count / (count - 1)), momentum)


def convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve with stride 1 so that the size stays."""
    return conv2d(x, kernel.to(x.dtype), padding=kernel.shape[2] // 2)


def through(grad: Tensor, x: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of a ReLU's input and of the kernel that its output `x` was convolved with."""
    padding = [kernel.shape[2] // 2] * 2
    grad_x, grad_kernel, _ = aten.convolution_backward(
        grad, x, kernel.to(x.dtype), None, [1, 1], padding, [1, 1], False, [0, 0], 1, [True, True, False]
    )
    aten.threshold_backward.grad_input(grad_x, x, 0, grad_input=grad_x)
    return grad_x, grad_kernel.to(kernel.dtype)


def through_bottleneck(
    grad: Tensor, x: Tensor, statistics: Sequence[Tensor], weights: Sequence[Tensor], room: Room
) -> tuple[Tensor, list[Tensor]]:
    """Return the gradients of norm2's input `x` and of norm2 and conv2."""
    gamma, beta, kernel = weights
    mean, rstd = statistics
    grad, grad_kernel = through(grad, norm_relu(x, gamma, beta, mean, rstd, room), kernel)
    grad, grad_gamma, grad_beta = aten.native_batch_norm_backward(
        grad, x, gamma, None, None, mean, rstd, True, 0.0, [True, True, True]
    )
    return grad, [grad_gamma, grad_beta, grad_kernel]
