import pytest
from torch import nn

from striate.errors import UsageError
from striate.learning.dropout import OWN_DROPOUT, set_dropout
from striate.nets.blueprint import make_network


def rates(model: nn.Module) -> list[float]:
    return [module.p for module in model.modules() if isinstance(module, nn.Dropout)]


def test_every_dropout_layer_gets_the_rate_and_none_where_none_is_asked() -> None:
    model = make_network("vgg11", input=(3, 224, 224), num_classes=2)
    set_dropout(model, OWN_DROPOUT, name="vgg11")
    assert rates(model) == [0.5, 0.5]
    set_dropout(model, 0.2, name="vgg11")
    assert rates(model) == [0.2, 0.2]


def test_a_network_without_dropout_layers_is_refused() -> None:
    with pytest.raises(UsageError) as raised:
        set_dropout(make_network("lenet5", input=(1, 32, 32)), 0.2, name="lenet5")
    assert str(raised.value) == (
        "lenet5 has no dropout layer. Leave out --dropout, or write one into a spec: dropout0.2"
    )
