"""Every rule against torch itself: the shape, the type and the number of what a function really returns."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from striate.tracing.hooks import visiting
from striate.tracing.parts import taken_apart
from striate.tracing.rules.dispatch import PLAIN, TABLE
from striate.tracing.tracer import Tracer

CASES: list[Callable[[Tensor], Any]] = [
    lambda x: F.conv2d(x, torch.zeros(6, 2, 3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    lambda x: F.conv2d(x, torch.zeros(6, 4, 5, 3), padding="same", dilation=2),
    lambda x: F.conv2d(x[0], torch.zeros(6, 4, 3, 3), padding="valid"),
    lambda x: F.conv1d(x.flatten(2), torch.zeros(2, 4, 5), torch.zeros(2)),
    lambda x: F.conv_transpose2d(x, torch.zeros(4, 3, 3, 3), stride=2, padding=1, output_padding=1, groups=2),
    lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.max_pool2d(x, (3, 2), return_indices=True),
    lambda x: F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True),
    lambda x: F.lp_pool2d(x, 2, 3, 2),
    lambda x: F.adaptive_avg_pool2d(x, (None, 5)),
    lambda x: F.adaptive_max_pool2d(x, 5, return_indices=True),
    lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"),
    lambda x: F.interpolate(x, size=(7, 9)),
    lambda x: F.linear(x, torch.zeros(3, 12), torch.zeros(3)),
    lambda x: x @ torch.zeros(12, 5),
    lambda x: torch.matmul(x, x.mT),
    lambda x: x.flatten(0, 1).bmm(x.flatten(0, 1).transpose(1, 2)),
    lambda x: F.scaled_dot_product_attention(x, x, x),
    lambda x: torch.einsum("bchw,bdhw->bcd", x, x),
    lambda x: F.batch_norm(x, torch.zeros(4), torch.ones(4)),
    lambda x: F.layer_norm(x, (10, 12)),
    lambda x: F.group_norm(x, 2, torch.ones(4)),
    lambda x: F.instance_norm(x),
    lambda x: F.local_response_norm(x, 3),
    lambda x: F.dropout(x, 0.5, True),
    lambda x: F.dropout2d(x, 0.5, False),
    lambda x: F.softmax(x, 1),
    lambda x: F.log_softmax(x, -1),
    lambda x: F.relu_(x.clone()),
    lambda x: F.gelu(x).add_(1).mul(2) / 3,
    lambda x: 1 - x**2,
    lambda x: (x > 0) & (x <= 1),
    lambda x: torch.where(x > 0, x, 0.0),
    lambda x: x.clamp(0, 1).sqrt().exp().log1p(),
    lambda x: x + torch.zeros(4, 1, 1),
    lambda x: x.half() + x,
    lambda x: x.double().to(torch.float32),
    lambda x: x.long() + 1,
    lambda x: x.long() / 2,
    lambda x: x.to("cpu", torch.bfloat16),
    lambda x: x.mean((2, 3)),
    lambda x: x.sum(),
    lambda x: x.amax(1, keepdim=True),
    lambda x: x.max(1),
    lambda x: x.std((2, 3)),
    lambda x: x.argmax(1),
    lambda x: x.view(2, -1),
    lambda x: x.permute(0, 2, 3, 1).reshape(2, -1),
    lambda x: x.permute(0, 2, 3, 1).contiguous().view(2, -1),
    lambda x: x.transpose(1, -1).movedim(0, 2),
    lambda x: x.unsqueeze(1).squeeze(1).unflatten(1, (2, 2)),
    lambda x: x[:, None, 1:3, ..., ::2],
    lambda x: x[0, :, -1],
    lambda x: x[:, [0, 0, 2]],
    lambda x: x[:, torch.arange(3)],
    lambda x: x.chunk(3, 2),
    lambda x: x.split([1, 3], 1),
    lambda x: list(x),
    lambda x: x.unbind(1),
    lambda x: x.expand(3, 2, 4, 10, 12),
    lambda x: torch.cat([x, x[:, :1]], 1),
    lambda x: torch.cat([x.new_zeros(2, 1, 10, 12), x], dim=1),
    lambda x: torch.stack([x, x], -1),
    lambda x: F.pad(x, (1, 2, -1, 0, 0, 3)),
    lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    lambda x: F.pixel_shuffle(x, 2),
    lambda x: F.pixel_unshuffle(x, 2),
    lambda x: F.channel_shuffle(x, 2),
    lambda x: F.unfold(x, 3),
    lambda x: torch.roll(x, 1, 2),
    lambda x: torch.cumsum(x, 2),
    lambda x: x.detach().clone().type_as(x),
    lambda x: x * torch.arange(12).float().add(1),
    lambda x: torch.zeros_like(x) + torch.ones(1, device=x.device),
    lambda x: x * x.shape[1] + x.size(2) + x.dim(),
]


class Does(nn.Module):
    def __init__(self, work: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.work = work

    def forward(self, x: Tensor) -> Any:
        return self.work(x)


def traced(work: Callable[[Tensor], Any], *, training: bool = False) -> tuple[Any, Tracer]:
    tracer, module = Tracer(TABLE, PLAIN), Does(work)
    with torch.no_grad(), visiting(taken_apart(module), tracer, training=training):
        picture = tracer.picture((2, 4, 10, 12), torch.float32)
        with tracer:
            return module(picture), tracer


@pytest.mark.parametrize("work", CASES, ids=range(len(CASES)))
def test_a_trace_gives_the_shape_and_type_that_torch_gives(work: Callable[[Tensor], Any]) -> None:
    real = [t for t in tree_leaves(work(torch.rand(2, 4, 10, 12))) if isinstance(t, Tensor)]
    shapes = [t for t in tree_leaves(traced(work)[0]) if isinstance(t, Tensor)]
    assert [(tuple(t.shape), t.dtype) for t in shapes] == [(tuple(t.shape), t.dtype) for t in real]


@pytest.mark.parametrize("work", CASES, ids=range(len(CASES)))
def test_every_result_is_known_to_come_from_the_picture(work: Callable[[Tensor], Any]) -> None:
    out, tracer = traced(work)
    for tensor in tree_leaves(out):
        if isinstance(tensor, Tensor):
            assert tracer.mark(tensor).data
            assert tracer.mark(tensor).producer == len(tracer.ops) - 1


def test_memory_is_freed_when_the_last_view_of_it_is() -> None:
    sizes = []

    def work(x: Tensor) -> Tensor:
        y = F.relu(x)
        view = y.flatten(1)
        sizes.append(tracer_of[0].ledger.live)
        del y
        sizes.append(tracer_of[0].ledger.live)
        del view
        sizes.append(tracer_of[0].ledger.live)
        return x

    tracer_of: list[Tracer] = []
    tracer, module = Tracer(TABLE, PLAIN), Does(work)
    tracer_of.append(tracer)
    with torch.no_grad(), visiting(taken_apart(module), tracer, training=False), tracer:
        module(tracer.picture((2, 4, 10, 12), torch.float32))
    assert sizes == [2 * 3840, 2 * 3840, 3840]
