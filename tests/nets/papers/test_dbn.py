import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from striate.nets.papers.autoencoder import DeepAutoencoder, PretrainThenUnroll
from striate.nets.papers.dbn import DBN, PretrainThenTune, descend
from striate.nets.papers.rbm import contrastive_divergence, free_energy, start


def bars(count: int, seed: int) -> Tensor:
    """(count, 16): 4x4 pictures of one to three full rows, which no independent pixels explain."""
    generator = torch.Generator().manual_seed(seed)
    rows = (torch.rand(count, 4, 1, generator=generator) < 0.5).float()
    return rows.expand(-1, -1, 4).flatten(1)


def test_contrastive_divergence_learns_to_rebuild_and_to_prefer_the_data() -> None:
    torch.manual_seed(0)
    layer, visible_bias = nn.Linear(16, 24), torch.zeros(16)
    start(layer)
    data, unseen = bars(200, seed=1), bars(200, seed=2)
    noise = unseen[:, torch.randperm(16)]

    def gap() -> float:
        return float(
            (free_energy(layer, visible_bias, noise) - free_energy(layer, visible_bias, unseen)).mean()
        )

    with torch.no_grad():
        before = gap()
        errors = [
            float(contrastive_divergence(layer, visible_bias, data[i], lr=0.1))
            for _ in range(60)
            for i in torch.randperm(200).split(20)
        ]
        assert sum(errors[-10:]) < 0.2 * sum(errors[:10])
        assert gap() > before + 5


def test_free_energy_sums_over_every_hidden_state() -> None:
    torch.manual_seed(0)
    layer, visible_bias, v = nn.Linear(3, 4), torch.randn(3), torch.rand(2, 3)
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4)  # (16, 4)
    energy = -(v @ visible_bias)[:, None] - (layer(v) @ states.T)  # (2, 16)
    torch.testing.assert_close(free_energy(layer, visible_bias, v), -torch.logsumexp(-energy, 1))


def test_the_belief_net_has_the_papers_parameters() -> None:
    assert sum(p.numel() for p in DBN().parameters()) == 1_665_010


def test_the_autoencoder_has_the_papers_parameters() -> None:
    net = DeepAutoencoder()
    assert sum(p.numel() for p in net.encoder.parameters()) == 1_418_280
    assert sum(p.numel() for p in net.decoder.parameters()) == 1_419_034
    assert net.features(torch.rand(2, 1, 28, 28)).shape == (2, 30)
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 784)


def test_progress_says_which_layer_learns() -> None:
    torch.manual_seed(0)
    net = DBN()
    rule, images, labels = PretrainThenTune(net), torch.rand(4, 1, 28, 28), torch.arange(4)
    for progress, moved in ((0.0, {0}), (0.17, {1}), (0.34, {2}), (0.5, {0, 1, 2, 3})):
        before = [p.clone() for p in (*(layer.weight for layer in net.layers), net.classifier.weight)]
        rule.step(images, labels, lr=0.1, progress=progress)
        after = [*(layer.weight for layer in net.layers), net.classifier.weight]
        assert {
            i for i, (a, b) in enumerate(zip(before, after, strict=True)) if not torch.equal(a, b)
        } == moved


def test_the_rule_is_the_same_from_the_same_seed() -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        net = DBN()
        rule = PretrainThenTune(net)
        for progress in (0.1, 0.3, 0.4, 0.6):
            rule.step(torch.rand(4, 1, 28, 28), torch.arange(4), lr=0.1, progress=progress)
        results.append(net.state_dict())
    assert all(torch.equal(results[0][k], results[1][k]) for k in results[0])


def test_the_decoder_starts_as_the_mirror_and_tuning_helps() -> None:
    torch.manual_seed(0)
    net = DeepAutoencoder()
    rule, images, labels = PretrainThenUnroll(net), torch.rand(4, 1, 28, 28), torch.zeros(4)
    for progress in (0.0, 0.2, 0.3, 0.4):
        rule.step(images, labels, lr=0.1, progress=progress)
    assert not net.get_buffer("unrolled")
    rule.step(images, labels, lr=0.0, progress=0.5)
    assert net.get_buffer("unrolled")
    for up, down in zip(net.encoder, reversed(net.decoder), strict=True):
        assert torch.equal(up.weight.T, down.weight)
    errors = [float(rule.step(images, labels, lr=1.0, progress=0.9)) for _ in range(20)]
    assert errors[-1] < errors[0]


def test_descent_is_plain_gradient_descent() -> None:
    torch.manual_seed(0)
    net, x, y = nn.Linear(3, 2), torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
    other = nn.Linear(3, 2)
    other.load_state_dict(net.state_dict())
    optimizer = torch.optim.SGD(other.parameters(), lr=0.3)
    cross_entropy(other(x), y).backward()
    optimizer.step()
    descend(net, cross_entropy(net(x), y), lr=0.3)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))
