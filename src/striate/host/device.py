"""Which device a network runs on, and the seed of the random numbers drawn there."""

import torch

from striate.errors import UsageError
from striate.host.launch import Rank

PROCESSOR = torch.device("cpu")


def device_of(name: str, here: Rank) -> torch.device:
    """Return the device that 'auto', 'cpu', 'cuda' or 'cuda:1' means for one of the ranks on this machine.

    'auto' is a CUDA device where there is one, else the CPU. Without an index, each rank takes the CUDA device with its
    local rank as index. Raises UsageError for any other name, a missing device, and fewer devices than ranks.
    """
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        raise UsageError(f"Unknown device '{name}'. Known: auto, cpu, cuda, cuda:0, cuda:1, ...")
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cpu" or (kind == "auto" and not there):
        return PROCESSOR
    return torch.device("cuda", chosen_device(name, here, there=there))


def seed_draws(seed: int) -> None:
    """Seed torch's generators on the CPU and, once CUDA is initialised, on every CUDA device.

    torch.manual_seed also does so for every other device type, and formats a traceback for those not in use: half a
    millisecond a call.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def chosen_device(name: str, here: Rank, *, there: int) -> int:
    """Return the index of the CUDA device that `name` means for a rank, of the `there` devices of the machine.

    Raises UsageError where there are none or fewer than ranks, where ranks would share one, and for an index too large.
    """
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
