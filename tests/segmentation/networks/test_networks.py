import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import networks, weights
from segmentation.networks import basnet_lite

PUBLISHED = {
    "basnet": (87_060_360, 517, 8, "67f240d50d36ea8310e3c4dff9dd63c5c43b4004fa32b74fc36cd1d9304d9c62"),
    "u2net": (44_009_869, 798, 7, "9a270fc1cde00f75a82b29a9c63ca4fe78e8992b7354e4f455e9d26645b4de35"),
    "u2netp": (1_131_181, 798, 7, "2c9740d2b0d2624b6d5365295023c548844855ac128017dbe71f29056fad244f"),
}


def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    return {key: list(value.shape) for key, value in state.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_has_its_size_and_keys(name: str) -> None:
    with torch.device("meta"):
        network = networks.build(name)
    parameters, entries, _, digest = PUBLISHED[name]
    state = network.state_dict()
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert len(state) == entries
    assert hashlib.sha256(json.dumps(list(shapes(state).items())).encode()).hexdigest() == digest


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_has_the_published_keys_in_order(name: str, parity_folder: Path) -> None:
    published = json.loads((parity_folder / f"{name}_state_dict.json").read_text())
    with torch.device("meta"):
        state = networks.build(name).state_dict()
    assert list(shapes(state).items()) == list(published.items())


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_computes_what_the_published_network_computes(
    name: str, parity_folder: Path, parity_state: Callable[[str], dict[str, torch.Tensor]]
) -> None:
    fixture = np.load(parity_folder / f"{name}.npz")
    network = networks.build(name).eval()
    network.load_state_dict(parity_state(name))
    with torch.inference_mode():
        answers = network(torch.from_numpy(fixture["x"]))
    assert len(answers) == PUBLISHED[name][2]
    for i, answer in enumerate(answers):
        assert np.abs(answer.sigmoid().numpy() - fixture[f"d{i}"]).max() <= 1e-5, f"output {i} differs"


@pytest.mark.parametrize("name", networks.NAMES)
def test_a_network_is_told_by_its_keys(name: str) -> None:
    with torch.device("meta"):
        state = networks.build(name).state_dict()
    assert networks.named_by(state) == name
    assert networks.named_by({}) is None


@pytest.mark.parametrize(("name", "most"), [("basnet-small", 3_000_000), ("basnet-lite", 4_500_000)])
def test_a_light_network_is_small(name: str, most: int) -> None:
    assert networks.is_light(name)
    assert sum(p.numel() for p in networks.build(name).parameters()) <= most


def test_the_shipped_weights_are_of_the_network_that_is_said_to_be_shipped() -> None:
    assert weights.inspect(weights.STARTER).network == networks.SHIPPED
    assert networks.is_light(networks.SHIPPED)
    assert not networks.is_light("basnet")
    assert not networks.is_light("one of somebody else")


def test_the_policys_form_names_every_network() -> None:
    form = Path(__file__).parents[3] / "platform/frontend/src/operator/components/PolicyForm.vue"
    offered = re.search(r"const NETWORKS = \[(.*)\];", form.read_text(encoding="utf-8"))
    assert offered is not None
    assert set(re.findall(r'"([^"]+)"', offered[1])) == set(networks.NAMES), f"Name the network in {form.name}, too."


@pytest.mark.parametrize("size", [64, 75, 96, 97])
@pytest.mark.parametrize("kernel", [3, 5])
def test_same_padding_is_tensorflows(size: int, kernel: int) -> None:
    """TensorFlow: half the picture's size, rounded up; of an odd number of zeros one more on the right and below."""
    x = torch.ones(1, 1, size, size)
    padded = basnet_lite.pad_same(x, kernel)
    assert (padded.shape[-1] - kernel) // 2 + 1 == -(-size // 2)
    total = padded.shape[-1] - size
    first = total // 2
    assert torch.equal(padded[..., first : first + size, first : first + size], x)
    assert padded.sum() == x.sum()


@pytest.mark.parametrize("name", ["basnet-small", "basnet-lite", "u2netp"])
@pytest.mark.parametrize("size", [64, 96, 75])
def test_all_maps_are_answered_at_the_size_of_the_input(name: str, size: int) -> None:
    network = networks.build(name).eval()
    with torch.inference_mode():
        answers = network(torch.randn(2, 3, size, size))
    assert [tuple(a.shape) for a in answers] == [(2, 1, size, size)] * len(answers)
    assert all(a.dtype == torch.float32 and torch.isfinite(a).all() for a in answers)


def test_an_unknown_network_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="basnet-small"):
        networks.build("nonsense")


@pytest.mark.parametrize("name", ["basnet-small", "basnet-lite", "u2netp"])
def test_maps_arise_at_falling_resolutions_and_forward_enlarges_them(name: str) -> None:
    network = networks.build(name).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        maps, answers = network.maps(x), network(x)
    sides = [m.shape[-1] for m in maps]
    assert sides == sorted(sides, reverse=True)
    assert len(maps) == len(answers)
    if sides[0] == 64:
        assert torch.equal(maps[0], answers[0])
