"""He initialisation, which most networks with ReLUs and batch norms start from."""

from torch import nn


def he_init(module: nn.Module) -> None:
    """Draw a convolution's weights from N(0, 2 / fan_out) and zero its bias; leave other modules as they are.

    For `net.apply`. Source: He, Zhang, Ren, Sun, Delving Deep into Rectifiers, 2015, section 2.2, with the
    backward form (equation 14) that the authors' Torch code and torchvision use.
    """
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
