import torch

from striate.nets.papers.adaline import Adaline, LeastMeanSquares, signs


def test_an_element_has_sixteen_weights_and_a_bias() -> None:
    assert sum(p.numel() for p in Adaline().parameters()) == 17


def test_it_converges_to_the_least_squares_solution() -> None:
    torch.manual_seed(0)
    net = Adaline(3).double()
    images = torch.randn(200, 1, 4, 4, dtype=torch.float64)
    labels = torch.randint(0, 3, (200,))
    rule = LeastMeanSquares(net)
    errors = [float(rule.step(images, labels, lr=0.2, progress=i / 300)) for i in range(300)]
    x = torch.cat((images.flatten(1), torch.ones(200, 1, dtype=torch.float64)), 1)
    best = torch.linalg.lstsq(x, signs(labels, 3).double()).solution  # (17, 3)
    torch.testing.assert_close(net.element.weight, best[:-1].T, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(net.element.bias, best[-1], rtol=1e-6, atol=1e-8)
    least = float((x @ best - signs(labels, 3)).square().mean())
    assert abs(errors[-1] - least) < 1e-9 < errors[0] - least


def test_a_step_is_half_the_gradient_of_the_squared_error() -> None:
    torch.manual_seed(0)
    net, images, labels = Adaline(2), torch.randn(5, 1, 4, 4), torch.tensor([0, 1, 1, 0, 1])
    loss = (signs(labels, 2) - net(images)).square().sum(1).mean()
    loss.backward()
    assert net.element.weight.grad is not None
    wanted = net.element.weight - 0.1 * net.element.weight.grad
    LeastMeanSquares(net).step(images, labels, lr=0.1, progress=0.0)
    torch.testing.assert_close(net.element.weight, wanted)


def test_targets_are_signs() -> None:
    assert signs(torch.tensor([0, 2]), 3).tolist() == [[1, -1, -1], [-1, -1, 1]]
    assert signs(torch.tensor([0, 1]), 1).tolist() == [[-1], [1]]
