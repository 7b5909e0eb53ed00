"""A layer's arithmetic as text: formula, drawing, fixes, parameters and multiply-adds."""

from fractions import Fraction
from math import prod

from striate.arithmetic.drawing import Drawing
from striate.arithmetic.fix import Fix, fixes
from striate.arithmetic.layer import Layer, fields, stack_weights
from striate.arithmetic.plane import Shape
from striate.arithmetic.window import Window

PLURALS = {"bias": "biases"}


def explain(layers: tuple[Layer, ...], *, detail: bool = False) -> list[str]:
    """Return the lines about a layer, or about stacked layers; `detail` adds the first one's parameters and MACs."""
    first = layers[0]
    lines = [*_costs(first), ""] if detail else []
    if len(layers) > 1:
        return [*lines, *_stack(layers)]
    if first.windows[0] == first.windows[1] and first.shape[1] == first.shape[2]:
        return [*lines, *_axis(first, 0)]
    return [*lines, "rows", *_axis(first, 0), "", "columns", *_axis(first, 1)]


def _costs(layer: Layer) -> list[str]:
    cost, shapes = layer.cost, f"{_cross(layer.shape)} -> {_cross(layer.output)}"
    if layer.pools:
        return [f"{shapes}, no parameters"]
    filters = f"{_count(layer.filters, 'filter')} of {layer.shape[0] // layer.groups}x{_cross(layer.kernel)}"
    biases = (
        f" + {_count(cost.biases, 'bias')} = {_count(cost.parameters, 'parameter')}" if layer.bias else ""
    )
    lines = [shapes, f"{filters}: {_count(cost.weights, 'weight')}{biases}"]
    if layer.kind == "convolution":
        lines.append(f"each output value: {layer.products:,} products{' + bias' if layer.bias else ''}")
    return [*lines, f"{cost.macs:,} multiply-adds", *_notes(layer)]


def _axis(layer: Layer, axis: int) -> list[str]:
    """Return one axis (0: rows, 1: columns): the formula, whether it fits, the drawing and the fixes."""
    window, size, places = layer.windows[axis], layer.shape[axis + 1], layer.output[axis + 1]
    if layer.kind == "transposed":
        drawing = Drawing(window, places, size, transposed=True)
        return [_transposed_formula(layer, axis), *_checkerboard(window), "", *_drawn(drawing)]
    lines = [_formula(window, size), *_verdict(layer, axis), "", *_drawn(Drawing(window, size, places))]
    if mended := fixes(window, size, pooling=layer.pools):
        lines += ["", "To make it fit, cheapest change first:"]
        lines += [f"  {_word(fix)} {_pair(fix.value)}".ljust(18) + f"output {fix.output}" for fix in mended]
    return lines


def _stack(layers: tuple[Layer, ...]) -> list[str]:
    """Return the receptive field and weights of stacked layers, beside those of one layer with that field."""
    shapes = [_cross(shape[1:]) for shape in (layers[0].shape, *(layer.output for layer in layers))]
    sizes = " -> ".join(shapes if len(shapes) < 6 else [*shapes[:3], "...", *shapes[-2:]])
    rows, columns = fields(layers)
    jump = _pair((rows.jump, columns.jump), "x")
    lines = [
        f"{len(layers)} over each other: {sizes}",
        f"receptive field {rows.size}x{columns.size}, a jump of {jump} from one output to the next",
    ]
    if not layers[0].pools:
        many, one = stack_weights(layers)
        lines.append(
            f"weights: {many:,}; of one {rows.size}x{columns.size} filter that sees as much: {one:,}"
        )
    if rows.phases:
        return lines
    seen = Window(rows.size, stride=int(rows.jump), padding=(-rows.start, 0))
    drawing = Drawing(seen, layers[0].shape[1], layers[-1].output[1])
    return [*lines, "", "what each last output sees of the input", "", *_drawn(drawing)]


def _drawn(drawing: Drawing) -> list[str]:
    return [*drawing.lines(), "", f"  {drawing.legend()}"]


def _formula(window: Window, size: int) -> str:
    even = window.before == window.after
    letters, pads = ("2P", f"2*{window.before}") if even else ("P + P'", f"{window.before} + {window.after}")
    exact = window.exact(size)
    value = f"{exact}" if exact.denominator == 1 else f"{exact} = {float(exact):.2f}"
    sum_of_it = f"({size} + {pads} - {window.reach})/{window.stride} + 1"
    formula = f"output = (N + {letters} - F)/S + 1 = {sum_of_it} = {value}"
    if window.reach == window.kernel:
        return formula
    return f"{formula}\nF = {window.reach}: a kernel of {window.kernel} with dilation {window.dilation}"


def _transposed_formula(layer: Layer, axis: int) -> str:
    window, size, output = layer.windows[axis], layer.shape[axis + 1], layer.output[axis + 1]
    even = window.before == window.after
    pads = f"2*{window.before}" if even else f"({window.before} + {window.after})"
    extra = f" + {layer.output_padding}" if layer.output_padding else ""
    return f"output = ({size} - 1)*{window.stride} + {window.reach} - {pads}{extra} = {output}"


def _verdict(layer: Layer, axis: int) -> list[str]:
    window, size, places = layer.windows[axis], layer.shape[axis + 1], layer.output[axis + 1]
    dropped = window.dropped(size, ceil=layer.ceil)
    between = window.unread(size, ceil=layer.ceil) - dropped
    lost = [f"the last {'pixel' if dropped == 1 else f'{dropped} pixels'}"] if dropped else []
    lost += [f"{_count(between, 'pixel')} in between"] if between else []
    read = f"No window reads {' and '.join(lost)}." if lost else "Every pixel is read."
    many = _count(places, "place")
    if window.fits(size):
        return [f"It fits: {many}.", read]
    if places > window.exact(size):
        return [f"It does not fit: rounded up to {many}, the last over the edge.", read]
    left = "" if dropped else ", with only padding left over"
    return [f"It does not fit: rounded down to {many}{left}.", read]


def _checkerboard(window: Window) -> list[str]:
    """Return a line where outputs are written unequally often.

    Source: Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016.
    """
    if window.kernel % window.stride == 0 or window.dilation > 1:
        return []
    even = window.stride * (window.kernel // window.stride + 1)
    return [f"Outputs are written unequally often (a checkerboard); a kernel of {even} is even."]


def _notes(layer: Layer) -> list[str]:
    """Return a line where the layer is equivalent to a fully connected one."""
    if layer.kind != "convolution" or layer.groups > 1:
        return []
    sides = f"{layer.products:,} -> {layer.filters:,}"
    if layer.output[1:] == (1, 1) and layer.kernel == layer.shape[1:]:
        return [f"A filter as large as its input is a fully connected layer, {sides}."]
    if layer.kernel == (1, 1):
        places = prod(layer.output[1:])
        return [f"A 1x1 filter is a fully connected layer, {sides}, at each of {_count(places, 'place')}."]
    return []


def _word(fix: Fix) -> str:
    return "input" if fix.setting == "size" else fix.setting


def _cross(numbers: Shape) -> str:
    return "x".join(map(str, numbers))


def _pair(value: int | Fraction | tuple[int | Fraction, ...], between: str = ",") -> str:
    """Return one number, or a pair as one number where both are equal."""
    if not isinstance(value, tuple):
        return str(value)
    return str(value[0]) if len(set(value)) == 1 else between.join(map(str, value))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else PLURALS.get(noun, noun + 's')}"
