"""The catalogue: one readable dict from a network's name to how it is made and what its paper says of it."""

from striate.nets.catalog.dense import DENSE
from striate.nets.catalog.early import EARLY
from striate.nets.catalog.entry import Entry
from striate.nets.catalog.plain import PLAIN
from striate.nets.catalog.residual import RESIDUAL
from striate.nets.catalog.small import SMALL
from striate.nets.papers import lenet, resnet9

LENET_PAPER = "LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition"

CATALOG: dict[str, Entry] = {
    **EARLY,  # perceptron to deep belief nets, LeNet-1 and 4
    "lenet5": Entry(
        make=lenet.LeNet5,
        year=1998,
        paper=LENET_PAPER,
        idea="local fields, shared weights and subsampling, trained end to end",
        input=(1, 32, 32),
        num_classes=10,
        params=60_000,
        macs=325_680,
        errata=(
            "The LeNet-5 of most tutorials has 61,706 parameters: a full C3, no trained subsampling, "
            "a linear output. That one is 'lenet5-tutorial'.",
        ),
    ),
    "lenet5-tutorial": Entry(
        make=lenet.LeNet5Tutorial,
        year=1998,
        paper=LENET_PAPER,
        idea="LeNet-5 as it is commonly coded",
        input=(1, 28, 28),
        num_classes=10,
        params=61_706,
        macs=416_520,
        errata=("The paper's own network has 60,000 parameters: 'lenet5'.",),
    ),
    **PLAIN,  # AlexNet to GoogLeNet
    **RESIDUAL,  # ResNet and its kin
    "resnet9": Entry(
        make=resnet9.ResNet9,
        year=2018,
        paper="Page, How to Train Your ResNet",
        idea="the fewest layers that reach a good answer on small images; the default here",
        input=(3, 32, 32),
        num_classes=10,
        params=412_954,
        macs=24_036_608,
    ),
    **DENSE,  # DenseNet, dual path networks, EfficientNet-Lite
    **SMALL,  # to finetune on an ordinary machine
}
