"""What ranks do together, to be run in each of them: `Server.call` names one of these functions."""

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from striate.data.loader import Batch, Share
from striate.host.memory import NoRoomError
from striate.nets.own_code import is_trusted, keep, make_kept
from striate.tasks.classification import Classification
from striate.training.ranks.ranks import Ranks
from striate.training.ranks.sync_norm import SyncNorm, synchronise
from striate.training.ranks.team import Team
from striate.training.step import BackPropagation
from striate.workbench.handover import hand_over_code

TASK = Classification(("a", "b", "c"))


def talk(ranks: Ranks) -> None:
    """Sums, parts and messages arrive in every rank; what is long travels in several buckets."""
    me, size = ranks.rank, ranks.size
    whole, halves = torch.full((3, 4), me + 1.0), torch.full((9_000_000,), 0.5)
    ranks.add([whole, halves[:8_400_000], halves[8_400_000:], torch.tensor(1.0, dtype=torch.double)])
    assert torch.equal(whole, torch.full((3, 4), size * (size + 1) / 2))
    assert torch.equal(halves, torch.full((9_000_000,), 0.5 * size))
    for part in (
        torch.full((2, 3), me),
        torch.tensor([[True, False]] * 2),
        torch.full((2,), me / 3).double(),
    ):
        gathered = ranks.gather(part)
        assert gathered.dtype == part.dtype
        assert torch.equal(gathered[2 * me : 2 * me + 2], part)
        assert len(gathered) == 2 * size
    assert ranks.tell(f"{me}".encode()) == b"0"
    assert ranks.tell(b"") == b""
    assert ranks.any(me == size - 1)
    assert not ranks.any(False)
    ranks.wait()


def share_code(ranks: Ranks) -> None:
    """Code that the first was asked to train can be run by the others, whose machines have never seen it."""
    os.environ["STRIATE_CACHE"] = str(Path(f"cache{ranks.rank}").resolve())
    Path(f"run{ranks.rank}").mkdir()
    source = "from torch import nn\nfrom 폭 import WIDTH\ndef net():\n    return nn.Linear(WIDTH, 2)\n"
    if ranks.first:
        Path("net.py").write_text(source, encoding="utf-8")
        Path("폭.py").write_text("WIDTH = 7\n", encoding="utf-8")
    ranks.wait()
    net = keep("net.py:net") if ranks.first else ""
    net = ranks.tell(net.encode()).decode()
    assert is_trusted(net) == ranks.first
    hand_over_code(Path(f"run{ranks.rank}"), net, ranks)
    assert make_kept(net, num_classes=2, in_channels=1)(torch.zeros(1, 7)).shape == (1, 2)


def normalise(ranks: Ranks) -> None:
    """A norm over all ranks is torch's norm over the whole batch: outputs, gradients, running statistics."""
    for momentum, affine, shape in ((0.1, True, (7, 3, 4, 5)), (None, True, (7, 3)), (0.3, False, (7, 3, 2))):
        torch.manual_seed(0)
        kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)]
        ours = nn.Sequential(kind(3, momentum=momentum, affine=affine), nn.Flatten())
        whole = nn.Sequential(kind(3, momentum=momentum, affine=affine), nn.Flatten())
        synchronise(ours, ranks)
        assert isinstance(ours[0], SyncNorm)
        assert ours.state_dict().keys() == whole.state_dict().keys()
        mine = Share(ranks.rank, ranks.size).part(shape[0])
        for _ in range(2):
            x, weights = torch.randn(shape).requires_grad_(), torch.randn(shape).flatten(1)
            own = x[mine].detach().requires_grad_()
            y, y_whole = ours(own), whole(x)
            assert torch.allclose(y, y_whole[mine], atol=1e-6)
            (y * weights[mine]).sum().backward()
            (y_whole * weights).sum().backward()
            assert own.grad is not None
            assert x.grad is not None
            assert torch.allclose(own.grad, x.grad[mine], atol=1e-5)
        ranks.add([p.grad for p in ours.parameters() if p.grad is not None])
        for a, b in zip(ours.parameters(), whole.parameters(), strict=True):
            assert a.grad is not None
            assert b.grad is not None
            assert torch.allclose(a.grad, b.grad, atol=1e-5)
        for name, value in whole.state_dict().items():
            assert torch.allclose(ours.state_dict()[name], value, atol=1e-6), name
        assert torch.equal(ours.eval()(own), nn.Flatten()(ours[0](own)))


class Small(nn.Module):
    """A linear network that has no room for more than two pictures, in the last rank."""

    def __init__(self, ranks: Ranks, most: int = 2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.linear = nn.BatchNorm1d(4), nn.Linear(4, 3)
        self.most = most if ranks.rank == ranks.size - 1 else 100

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if len(x) > self.most:
            raise MemoryError
        return self.linear(x)


def run_out_of_memory(ranks: Ranks) -> None:
    """Where one rank has no room, no rank takes the step; on fewer pictures at a time all take the same."""
    model = Small(ranks)
    asked = [False]
    team = Team(model, ranks, lambda: asked[0])
    learner = BackPropagation(model, TASK, torch.optim.SGD(model.parameters(), 0.1), team=team)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = torch.randn(12, 4), torch.arange(12) % 3
    mine = Share(ranks.rank, ranks.size).part(12)
    batch = Batch(images[mine], labels[mine])
    try:
        learner.step(batch, lr=0.1, progress=0, at_once=12, of=12)
    except NoRoomError:
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    else:
        raise AssertionError("there was room")
    assert not team.stops
    asked[0] = ranks.rank == 1
    outcome = learner.step(batch, lr=0.1, progress=0, at_once=2, of=12)
    assert team.stops
    same = ranks.gather(torch.cat([value.double().flatten() for value in model.state_dict().values()])[None])
    assert torch.equal(same, same[:1].expand_as(same))
    assert ranks.gather(torch.tensor([outcome.loss])).unique().numel() == 1


class Forked(nn.Module):
    """A network of two ways, of which this rank takes one, as where layers are left out by chance."""

    def __init__(self, way: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.ways = {name: nn.Linear(4, 3) for name in ("left", "right", "none")}
        self.layers = nn.ModuleList(self.ways.values())
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.ways[self.way](x)
        return y


def go_other_ways(ranks: Ranks) -> None:
    """A weight that only some of the ranks have used gets their gradient in all; one that none has used gets none."""
    model = Forked("left" if ranks.first else "right")
    untouched = model.ways["none"].weight.clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.1)
    learner = BackPropagation(model, TASK, optimizer, team=Team(model, ranks))
    images, labels = torch.randn(12, 4), torch.arange(12) % 3
    mine = Share(ranks.rank, ranks.size).part(12)
    wanted = {name: Forked("left").ways[name] for name in ("left", "right")}
    for name, part in (("left", slice(0, 4)), ("right", slice(4, 12))):
        (TASK.loss(wanted[name](images[part]), labels[part]) * (part.stop - part.start) / 12).backward()
    learner.step(Batch(images[mine], labels[mine]), lr=0.1, progress=0, at_once=12, of=12)
    for name, layer in wanted.items():
        before = layer.weight.detach()
        assert layer.weight.grad is not None
        expected = before - 0.1 * (layer.weight.grad + 0.1 * before)
        assert torch.allclose(model.ways[name].weight, expected, atol=1e-6), name
    assert torch.equal(model.ways["none"].weight, untouched)


def add_up(ranks: Ranks) -> None:
    """A step of all ranks on uneven shares is the step of one on the whole batch."""
    torch.manual_seed(1)
    images, labels = torch.randn(7, 4), torch.arange(7) % 3
    mine = Share(ranks.rank, ranks.size).part(7)
    torch.manual_seed(0)
    ours, alone = nn.Linear(4, 3), nn.Linear(4, 3)
    alone.load_state_dict(ours.state_dict())
    optimizers = [torch.optim.SGD(net.parameters(), 0.1, momentum=0.9) for net in (ours, alone)]
    together = BackPropagation(ours, TASK, optimizers[0], team=Team(ours, ranks))
    single = BackPropagation(alone, TASK, optimizers[1])
    for _ in range(3):
        a = together.step(Batch(images[mine], labels[mine]), lr=0.1, progress=0, at_once=2, of=7)
        b = single.step(Batch(images, labels), lr=0.1, progress=0, at_once=7)
        assert abs(a.loss - b.loss) < 1e-6
        assert a.right == b.right
    assert torch.allclose(ours.weight, alone.weight, atol=1e-6)


def keep_statistics(ranks: Ranks) -> None:
    """Running statistics become those of all pictures; those of a norm that is not learning stay to the bit."""
    torch.manual_seed(0)
    fixed, learning, last = nn.BatchNorm1d(4).eval(), nn.BatchNorm1d(4), nn.Linear(4, 3)
    torch.nn.init.constant_(fixed.state_dict()["running_mean"], 1 / 3)
    frozen = {name: value.clone() for name, value in fixed.state_dict().items()}
    model, count = nn.Sequential(fixed, learning, last), 7 * ranks.size
    images = torch.randn(count, 4) + torch.arange(count)[:, None]
    mine = Share(ranks.rank, ranks.size).part(count)
    learner = BackPropagation(model, TASK, torch.optim.SGD(model.parameters(), 0.0), team=Team(model, ranks))
    batch = Batch(images[mine], torch.zeros(7).long())
    learner.step(batch, lr=0.0, progress=0, at_once=count, of=count)
    assert all(torch.equal(frozen[name], value) for name, value in fixed.state_dict().items())
    assert torch.allclose(learning.state_dict()["running_mean"], 0.1 * fixed(images).mean(0), atol=1e-5)
