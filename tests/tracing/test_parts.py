from torch import nn

from striate.tracing.parts import taken_apart

Network = tuple[nn.Module, tuple[int, ...]]


def test_the_parts_are_those_torch_walks_to(network: Network) -> None:
    module = nn.Sequential(network[0], nn.ReLU(), network[0])
    parts = taken_apart(module)
    assert list(parts.modules) == [name for name, _ in module.named_modules()]
    for ours, theirs in (
        (parts.parameters, module.named_parameters()),
        (parts.buffers, module.named_buffers()),
    ):
        wanted = dict(theirs)
        assert list(ours) == list(wanted)
        assert all(ours[name] is wanted[name] for name in ours)
