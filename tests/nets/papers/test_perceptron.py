import torch
from torch import Tensor

from striate.nets.papers.perceptron import A_UNITS, FAN_OUT, RETINA, ErrorCorrection, Perceptron

# Four pictures of two pixels and a third that is always on, as a threshold.
CORNERS = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])[:, None, None, :]
AND = torch.tensor([0, 0, 0, 1])
XOR = torch.tensor([0, 1, 1, 0])


def learn(net: Perceptron, images: Tensor, labels: Tensor, *, passes: int) -> list[float]:
    rule = ErrorCorrection(net)
    wrong: list[float] = []
    while len(wrong) < passes and (not wrong or wrong[-1]):
        wrong.append(float(rule.step(images, labels, lr=1.0, progress=len(wrong) / passes)))
    return wrong


def test_the_mark_one_has_its_units_wires_and_weights() -> None:
    net = Perceptron()
    assert net.wiring.shape == (A_UNITS, RETINA**2) == (512, 400)
    assert (net.wiring != 0).sum(0).eq(FAN_OUT).all()
    assert set(net.wiring.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert [tuple(p.shape) for p in net.parameters()] == [(8, 512)]


def test_wiring_differs_from_machine_to_machine_and_is_saved() -> None:
    torch.manual_seed(0)
    one, other = Perceptron(), Perceptron()
    assert not torch.equal(one.wiring, other.wiring)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.wiring, other.wiring)


def test_it_converges_on_what_a_plane_can_separate_and_then_stays() -> None:
    torch.manual_seed(0)
    images = torch.rand(30, 1, 20, 20)
    labels = (images[:, 0, :10].mean((1, 2)) > images[:, 0, 10:].mean((1, 2))).long()
    net = Perceptron(2, associate=False)
    wrong = learn(net, images, labels, passes=400)
    assert wrong[-1] == 0 < wrong[0]
    weight = net.response.weight.clone()
    assert learn(net, images, labels, passes=3) == [0]
    assert torch.equal(net.response.weight, weight)


def test_without_association_units_it_learns_and_but_never_xor() -> None:
    assert learn(Perceptron(2, associate=False), CORNERS, AND, passes=100)[-1] == 0
    assert min(learn(Perceptron(2, associate=False), CORNERS, XOR, passes=300)) > 0


def test_random_association_units_make_xor_separable() -> None:
    torch.manual_seed(0)
    assert learn(Perceptron(2), CORNERS, XOR, passes=200)[-1] == 0


def test_the_rule_moves_only_on_a_wrong_answer_and_by_what_was_seen() -> None:
    torch.manual_seed(0)
    net = Perceptron(2)
    image = torch.rand(1, 1, 20, 20)
    seen = net.features(image)[0]
    with torch.no_grad():
        net.response.weight.zero_()
    learn(net, image, torch.tensor([1]), passes=1)
    assert torch.equal(net.response.weight, torch.stack((torch.zeros(512), seen)))
