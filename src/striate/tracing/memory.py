"""Peak memory of a network: in inference as traced, in training by replaying the backward pass.

Inference: weights, buffers, and the tensors alive together, each freed when Python drops it, as in eager
PyTorch.
Training: weights, buffers, gradients and one momentum per trained parameter, and, on top, the most that the
backward pass holds: what the operations kept for it, freed one by one, and the gradients on their way.
Kernel workspaces and the allocator's rounding are in neither.
"""

from collections.abc import Sequence

from striate.tracing.record import Op


def saved_bytes(ops: Sequence[Op], picture: int) -> int:
    """Return the bytes kept for the backward pass; `picture` is the storage number of the input, counted apart."""
    kept: dict[int, int] = {}
    for op in ops:
        kept.update(op.saved)
    kept.pop(picture, None)
    return sum(kept.values())


def backward_peak(ops: Sequence[Op], picture: int) -> int:
    """Return the most bytes alive while the backward pass frees what was kept and passes gradients back."""
    last_use: dict[int, int] = {}
    kept: dict[int, int] = {}
    for number, op in enumerate(ops):
        kept.update(op.saved)
        for storage in op.saved:
            last_use.setdefault(storage, number)
    kept.pop(picture, None)
    held = sum(kept.values())
    peak = held
    gradients: dict[int, int] = {}
    for number in range(len(ops) - 1, -1, -1):
        op = ops[number]
        if not op.grad:
            continue
        gradients.setdefault(number, _size(op))
        own = gradients[number]
        for producer in op.inputs:
            if producer >= 0 and ops[producer].grad and producer not in gradients:
                # A view passes its gradient on as it is.
                gradients[producer] = _size(ops[producer]) if op.written or op.saved else own
        peak = max(peak, held + sum(gradients.values()))
        del gradients[number]
        for storage in op.saved:
            if last_use[storage] == number:
                held -= kept.pop(storage, 0)
    return peak


def _size(op: Op) -> int:
    size = op.element
    for n in op.shape:
        size *= n
    return size
