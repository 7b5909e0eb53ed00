"""Which torch function is answered by which rule: one dict, made once from the names below."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from striate.tracing.rules import pointwise, products, shapes, sliding
from striate.tracing.tracer import Rule

_SPACES: tuple[Any, ...] = (torch, F, Tensor, torch.special, torch._C._nn)

# Rule -> the functions it answers, by the name they have in torch, torch.nn.functional or torch.Tensor.
_NAMES: dict[Rule, str] = {
    sliding.convolution: "conv1d conv2d conv3d",
    sliding.transposed_convolution: "conv_transpose1d conv_transpose2d conv_transpose3d",
    sliding.pooling: "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d "
    "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices",
    sliding.adaptive_pooling: "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d",
    sliding.resizing: "interpolate upsample",
    products.linear: "linear",
    products.matmul: "matmul mm bmm __matmul__",
    products.attention: "scaled_dot_product_attention",
    pointwise.normalisation: "batch_norm instance_norm group_norm layer_norm rms_norm",
    pointwise.dropout: "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout",
    pointwise.local_response_norm: "local_response_norm",
    pointwise.softmax: "softmax log_softmax",
    pointwise.cast: "to type_as float half double bfloat16",
    shapes.reshape: "view reshape flatten unflatten squeeze unsqueeze view_as reshape_as",
    shapes.permute: "permute transpose movedim swapaxes t",
    shapes.expand: "expand expand_as",
    shapes.split: "chunk split tensor_split unbind",
    shapes.index: "__getitem__",
    shapes.iterate: "__iter__",
    shapes.concatenate: "cat stack concat concatenate",
    shapes.pad: "pad",
    shapes.reduction: "mean sum amax amin logsumexp",
    shapes.pixel_shuffle: "pixel_shuffle pixel_unshuffle",
    shapes.same: "contiguous cpu cuda requires_grad_",
    pointwise.pointwise: " ".join(
        sorted(
            pointwise.KEEPS_OUTPUT
            | pointwise.KEEPS_INPUT
            | pointwise.KEEPS_PARTNERS
            | pointwise.KEEPS_NOTHING
            | pointwise.COMPARES
        )
    ),
}
# Other spellings of the same operations: with dunders, and in place with a final underscore.
_OPERATORS = "add sub rsub mul div pow neg eq ne lt le gt ge abs"
_SPELLED = {
    "__truediv__": "div",
    "__radd__": "add",
    "__rmul__": "mul",
    "__itruediv__": "div",
    "__iadd__": "add",
}
_SPELLED |= {"__isub__": "sub", "__imul__": "mul", "multiply": "mul", "divide": "div", "subtract": "sub"}
_SHORT = {"concat": "cat", "concatenate": "cat", "upsample": "interpolate", "true_divide": "div"}

# Functions that ask for shape, type or mode: they run as they are.
_PLAIN = (
    "size dim numel ndimension nelement stride is_contiguous is_floating_point is_complex element_size "
    "storage_offset get_device data_ptr __len__ __hash__ __repr__ __format__ type has_names is_inference "
    "is_same_size is_tensor is_grad_enabled is_signed result_type get_default_dtype broadcast_shapes "
    "register_hook retain_grad is_shared is_pinned"
)
_PROPERTIES = (
    "shape ndim dtype device layout is_meta is_cuda requires_grad grad grad_fn is_leaf is_sparse "
    "is_quantized is_mkldnn is_nested itemsize nbytes is_xpu is_mps names is_cpu"
)


def table() -> dict[Any, tuple[Rule, str]]:
    """Return torch function -> (the rule that answers it, the name it is recorded under)."""
    found: dict[Any, tuple[Rule, str]] = {}
    for rule, names in _NAMES.items():
        for name in names.split():
            short = _SHORT.get(name, name).strip("_").removesuffix("_with_indices")
            for function in _spelled(name):
                found[function] = (rule, short)
    for name in _NAMES[pointwise.pointwise].split():
        for function in _spelled(name + "_"):
            found[function] = (pointwise.pointwise_in_place, name)
    for name in _OPERATORS.split():
        for function in _spelled(f"__{name}__"):
            found[function] = (pointwise.pointwise, name)
    for name, plain in _SPELLED.items():
        rule = pointwise.pointwise_in_place if name.startswith("__i") else pointwise.pointwise
        for function in _spelled(name):
            found[function] = (rule, plain)
    return found


def plain() -> frozenset[Any]:
    """Return the functions that run as they are, without a rule."""
    getters = [getattr(Tensor, name).__get__ for name in _PROPERTIES.split() if hasattr(Tensor, name)]
    functions = [function for name in _PLAIN.split() for function in _spelled(name)]
    return frozenset([*getters, *functions, torch._C._set_grad_enabled])


def _spelled(name: str) -> list[Any]:
    return [getattr(space, name) for space in _SPACES if hasattr(space, name)]


TABLE = table()
PLAIN = plain()
