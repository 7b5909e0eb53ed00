"""Which device a network is computed on, and the draws it makes there."""

import torch

from striate.errors import UsageError
from striate.host.launch import Rank

PROCESSOR = torch.device("cpu")


def device_of(name: str, here: Rank) -> torch.device:
    """Return the device of 'auto', 'cpu', 'cuda' or 'cuda:1' for one of the ranks on this machine.

    'auto' is a CUDA device where there is one. Each rank has a device of its own, numbered as the ranks of its machine
    are. Raises UsageError for a name that is none of these and a device that is not there.
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        raise UsageError(f"Unknown device '{name}'. Known: auto, cpu, cuda, cuda:0, cuda:1, ...")
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cpu" or (kind == "auto" and not there):
        return PROCESSOR
    return torch.device("cuda", chosen_device(name, here, there=there))


def seed_draws(seed: int) -> None:
    """Seed what a network draws from, as torch.manual_seed does on the processor and CUDA devices.

    That tells every kind of device there might be, formatting a traceback for each: half a millisecond a call.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def chosen_device(name: str, here: Rank, *, there: int) -> int:
    """Return the number of the CUDA device that `name` means, of so many as are `there`; raises UsageError."""
    _, _, number = name.partition(":")
    if not there:
        why = "none is ready" if torch.version.cuda else "this torch is built without CUDA"
        raise UsageError(f"no CUDA device for --device {name}: {why}. Leave --device out, or give cpu.")
    if number and here.together > 1:
        raise UsageError(
            f"--device {name} is one device for {here.together} processes. Give cuda, or --nproc 1."
        )
    if here.together > there:
        raise UsageError(
            f"{here.together} processes need a CUDA device each, and there are {there}. "
            f"Give --nproc {there}, or --device cpu."
        )
    chosen = int(number) if number else here.local
    if chosen >= there:
        raise UsageError(f"no device {name}: the CUDA devices are numbered 0 to {there - 1}.")
    return chosen
