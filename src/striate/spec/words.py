"""The words of the layer language: which layers there are and what is written after each."""

from dataclasses import dataclass
from typing import Literal

# Activation -> its class in torch.nn.
ACTIVATIONS = {
    "elu": "ELU",
    "gelu": "GELU",
    "hardswish": "Hardswish",
    "leakyrelu": "LeakyReLU",
    "mish": "Mish",
    "prelu": "PReLU",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softplus": "Softplus",
    "tanh": "Tanh",
}

Need = Literal["no", "may", "must"]


@dataclass(frozen=True)
class Form:
    """What is written after a layer's name: a size, a width, settings. `example` is such a layer."""

    example: str
    size: Need = "no"
    size_is: Literal["kernel", "count", "rate"] = "kernel"
    width: Need = "no"
    settings: str = ""


FORMS: dict[str, Form] = {
    "conv": Form("conv3-64", size="must", width="must", settings="spdgb"),
    "dwconv": Form("dwconv3", size="must", width="may", settings="spdb"),
    "tconv": Form("tconv4-64/s2", size="must", width="must", settings="spdgb"),
    "maxpool": Form("maxpool2", size="may", settings="spc"),
    "avgpool": Form("avgpool2", size="may", settings="spc"),
    "gap": Form("gap"),
    "flatten": Form("flatten"),
    "fc": Form("fc-10", width="must", settings="b"),
    "bn": Form("bn"),
    "gn": Form("gn8", size="must", size_is="count"),
    "lrn": Form("lrn", size="may", size_is="count"),
    "dropout": Form("dropout0.5", size="may", size_is="rate"),
    "leakyrelu": Form("leakyrelu0.1", size="may", size_is="rate"),
    **{name: Form(name) for name in ACTIVATIONS if name != "leakyrelu"},
}
SETTINGS = {
    "s": "s (stride)",
    "p": "p (padding)",
    "d": "d (dilation)",
    "g": "g (groups)",
    "b": "b (bias, 0 or 1)",
    "c": "c (ceil mode, 0 or 1)",
}
# The name of a layer in other libraries -> its word here.
ELSEWHERE = {
    "avg": "avgpool",
    "averagepool": "avgpool",
    "averagepooling": "avgpool",
    "batchnorm": "bn",
    "convolution": "conv",
    "convtranspose": "tconv",
    "deconv": "tconv",
    "dense": "fc",
    "depthwise": "dwconv",
    "drop": "dropout",
    "globalavgpool": "gap",
    "groupnorm": "gn",
    "leaky": "leakyrelu",
    "linear": "fc",
    "lrelu": "leakyrelu",
    "max": "maxpool",
    "maxpooling": "maxpool",
    "pool": "maxpool",
    "swish": "silu",
}
