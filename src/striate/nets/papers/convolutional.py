"""A classifier made fully convolutional: a linear layer is a convolution as large as its input.

Sermanet et al., "OverFeat", 2013, https://arxiv.org/abs/1312.6229, section 3.5; Long, Shelhamer, Darrell,
"Fully convolutional networks for semantic segmentation", 2015, https://arxiv.org/abs/1411.4038, figure 2.
"""

import copy

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from striate.errors import UsageError

# Elementwise modules and functions, which act on vectors and feature maps alike.
ELEMENTWISE_MODULES = (nn.Dropout, nn.ReLU, nn.ReLU6, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Hardswish)
ELEMENTWISE = {"relu", "relu6", "tanh", "sigmoid", "gelu", "silu", "hardswish", "dropout", "add", "mul"}
POOLS = {"adaptive_avg_pool2d", "mean"}
Shape = tuple[int, ...]


class PerPosition(nn.Module):
    """Applies a module made for vectors to every position of a map."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, H, W)."""
        b, _, h, w = x.shape
        y: Tensor = self.module(x.permute(0, 2, 3, 1).flatten(0, 2))
        return y.reshape(b, h, w, -1).permute(0, 3, 1, 2)


def to_fully_convolutional(net: nn.Module, *, input: tuple[int, int, int]) -> nn.Module:
    """Return a network with the same weights that gives a map of logits, num_classes at each position.

    `input` is the (C, H, W) that `net` was made for; on such an image the map is 1x1 and equals the logits,
    on a larger one it is (B, num_classes, h, w) and equals sliding `net` over it with the network's total
    stride. Where convolutions pad, places away from the border see neighbours instead of zeros, and scores
    differ by that. The result is for evaluation and shares no tensors with `net`. Raises UsageError where
    an operation between the last feature map and the logits cannot slide, or pools to a size other than the map's
    own or 1x1.
    """
    root = copy.deepcopy(net).eval()
    module = fx.GraphModule(root, LeafTracer().trace(root))
    with torch.no_grad():
        dtype = next((p.dtype for p in root.parameters()), torch.float32)
        ShapeProp(module).propagate(torch.zeros(2, *input, dtype=dtype))
    flat: dict[fx.Node, Shape] = {}  # vectors that are now maps, and their (C, h, w)
    for node in list(module.graph.nodes):
        slide(module, node, flat)
    module.graph.lint()
    module.recompile()
    module.delete_all_unused_submodules()
    return module


class LeafTracer(fx.Tracer):
    """Traces modules without submodules as one node, the user's as well as torch's."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Tell whether a module is one node, not traced into."""
        return not any(True for _ in m.children()) or super().is_leaf_module(m, module_qualified_name)


def slide(module: fx.GraphModule, node: fx.Node, flat: dict[fx.Node, Shape]) -> None:
    """Rewrite a node that takes and gives vectors, if need be, so that it takes and gives feature maps."""
    if node.op not in ("call_module", "call_function", "call_method"):
        return
    source, layer, name = node.all_input_nodes[0], called(module, node), kind(module, node)
    before, after = shape(source), shape(node)
    is_map = len(before) == 4 and source not in flat
    if is_map and name in POOLS:
        pooled = pool(module, node, window=before[2:], to=after[2:] if len(after) == 4 else (1, 1))
        if len(after) == 2:
            flat[pooled] = (after[1], 1, 1)
    elif is_map and name == "flatten":
        flat[source] = before[1:]
        bypass(node, source)
    elif is_map:
        return
    elif isinstance(layer, nn.Linear):
        c, h, w = flat.get(source, (layer.in_features, 1, 1))
        put(module, node, as_convolution(layer, c, h, w))
    elif isinstance(layer, ELEMENTWISE_MODULES) or name in ELEMENTWISE:
        if source in flat:
            flat[node] = flat[source]
    elif layer is not None and source not in flat:
        put(module, node, PerPosition(layer))
    else:
        raise UsageError(
            f"'{node.target}' takes a vector and cannot slide over a larger image. "
            "Between the last map and the scores, use flatten, mean, linear layers and activations."
        )


def as_convolution(layer: nn.Linear, c: int, h: int, w: int) -> nn.Conv2d:
    """Return the convolution with the weights of a linear layer that read a flattened (c, h, w) map."""
    convolution = nn.Conv2d(c, layer.out_features, (h, w), bias=layer.bias is not None)
    convolution.weight = nn.Parameter(layer.weight.detach().reshape(-1, c, h, w))
    if layer.bias is not None:
        convolution.bias = layer.bias
    return convolution


def pool(module: fx.GraphModule, node: fx.Node, *, window: Shape, to: Shape) -> fx.Node:
    """Replace pooling to a fixed size by sliding a `window` of the map it pooled; nothing where it kept the size."""
    if window == to:
        return bypass(node, node.all_input_nodes[0])
    if to == (1, 1):
        return put(module, node, nn.AvgPool2d((window[0], window[1]), stride=1))
    raise UsageError(
        f"'{node.target}' pools a map of {window[0]}x{window[1]} to {to[0]}x{to[1]} and cannot slide. "
        "Give the input size at which it pools nothing, or a network that pools to 1x1."
    )


def bypass(node: fx.Node, source: fx.Node) -> fx.Node:
    """Remove a node, letting its users read `source`; return `source`."""
    node.replace_all_uses_with(source)
    node.graph.erase_node(node)
    return source


def put(module: fx.GraphModule, node: fx.Node, layer: nn.Module) -> fx.Node:
    """Replace a node by a call of `layer`, which is named after it; return the new node."""
    name = f"{node.name}_sliding"
    module.add_submodule(name, layer.eval())
    with node.graph.inserting_after(node):
        new = node.graph.call_module(name, (node.all_input_nodes[0],))
    new.meta = node.meta
    return bypass(node, new)


def called(module: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """Return the module that a node calls, or None."""
    return module.get_submodule(str(node.target)) if node.op == "call_module" else None


def kind(module: fx.GraphModule, node: fx.Node) -> str:
    """Return the name of a node's operation, the same for module, function and method."""
    layer = called(module, node)
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return "adaptive_avg_pool2d"
    if isinstance(layer, nn.Flatten):
        return "flatten"
    if layer is not None:
        return type(layer).__name__
    return str(getattr(node.target, "__name__", node.target))


def shape(node: fx.Node) -> Shape:
    """Return the shape of a node's output at the input size the network was made for."""
    meta = node.meta.get("tensor_meta")
    return tuple(getattr(meta, "shape", ()))
