"""A layer's arithmetic as plain values for JSON: integers, lists, and a float only where a size is a fraction.

A square layer on a picture given by its side has one number per key; any other has a list, one value per axis,
and for `input` and `output` the channels first where they were asked about.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from striate.arithmetic.fix import Fix, fixes
from striate.arithmetic.layer import Layer, fields, stack_weights
from striate.arithmetic.plane import Shape
from striate.arithmetic.window import Window

Record = dict[str, Any]


def record(layers: tuple[Layer, ...], *, one_number: bool = False, detail: bool = False) -> Record:
    """Return the record of a layer, or of stacked layers.

    `one_number`: the picture is square, so where the window is too, each key has one number.
    `detail`: channels, parameters and multiply-adds were asked about as well.
    """
    first = layers[0]
    axes = 1 if one_number and first.windows[0] == first.windows[1] else 2
    found = _stack(layers, axes, detail) if len(layers) > 1 else _sums(first, axes, detail)
    return {**found, **_cost(first)} if detail and len(layers) == 1 else found


def number(value: int | Fraction) -> int | float:
    """Return a whole number as an int, any other as the nearest float."""
    return int(value) if value == int(value) else float(value)


def _sums(layer: Layer, axes: int, channels: bool) -> Record:
    def each(value: Callable[[Window, int], Any]) -> Any:
        return _one_or_all([value(w, n) for w, n in zip(layer.windows, layer.shape[1:], strict=True)][:axes])

    asked = {
        "input": _sizes(layer.shape, axes, channels),
        "kernel": each(lambda window, _: window.kernel),
        "stride": each(lambda window, _: window.stride),
        "padding": each(lambda window, _: window.padding),
        "dilation": each(lambda window, _: window.dilation),
    }
    output = _sizes(layer.output, axes, channels)
    if layer.kind == "transposed":
        return {**asked, "output_padding": layer.output_padding, "output": output}
    return {
        **asked,
        "exact": each(lambda window, size: number(window.exact(size))),
        "output": output,
        "fits": all(w.fits(n) for w, n in zip(layer.windows, layer.shape[1:], strict=True)),
        "dropped": each(lambda window, size: window.dropped(size, ceil=layer.ceil)),
        "fixes": each(lambda window, size: [_fix(fix) for fix in fixes(window, size, pooling=layer.pools)]),
    }


def _cost(layer: Layer) -> Record:
    cost = layer.cost
    if layer.pools:
        return {"pool": layer.kind, "ceil": layer.ceil, "parameters": 0, "macs": 0}
    found: Record = {
        "channels": layer.shape[0],
        "filters": layer.filters,
        "groups": layer.groups,
        "weights": cost.weights,
        "biases": cost.biases,
        "parameters": cost.parameters,
        "macs": cost.macs,
    }
    return found if layer.kind == "transposed" else {**found, "products": layer.products}


def _stack(layers: tuple[Layer, ...], axes: int, channels: bool) -> Record:
    seen = fields(layers)[:axes]
    found: Record = {
        "input": _sizes(layers[0].shape, axes, channels),
        "output": _sizes(layers[-1].output, axes, channels),
        "receptive_field": _one_or_all([field.size for field in seen]),
        "jump": _one_or_all([number(field.jump) for field in seen]),
        "start": _one_or_all([field.start for field in seen]),
    }
    if not layers[0].pools:
        many, one = stack_weights(layers)
        found |= {"weights": many, "weights_of_one": one}
    return {**found, "layers": [_sums(layer, axes, channels) for layer in layers]}


def _fix(fix: Fix) -> Record:
    return {"setting": fix.setting, "value": fix.value, "output": fix.output}


def _sizes(shape: Shape, axes: int, channels: bool) -> int | list[int]:
    return shape[1] if axes == 1 else list(shape if channels else shape[1:])


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
