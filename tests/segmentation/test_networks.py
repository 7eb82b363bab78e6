import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import networks


def fill(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The rule of the parity fixtures: weights made from the key's name."""
    random = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF)
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("running_var"):
        return (0.5 + random.rand(*shape)).astype(np.float32)
    if key.endswith("running_mean"):
        return (0.1 * random.randn(*shape)).astype(np.float32)
    if len(shape) == 4:
        scale = np.sqrt(1 / (shape[1] * shape[2] * shape[3])) * (0.2 if shape[0] == 1 else 1.0)
        return (random.randn(*shape) * scale).astype(np.float32)
    if key.endswith("weight"):
        return (0.75 + 0.5 * random.rand(*shape)).astype(np.float32)
    return (0.1 * random.randn(*shape)).astype(np.float32)


def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, list[int]]:
    return {key: list(value.shape) for key, value in state.items()}


def test_basnet_has_the_published_size() -> None:
    with torch.device("meta"):
        network = networks.build("basnet")
    assert sum(p.numel() for p in network.parameters()) == 87_060_360
    assert len(network.state_dict()) == 517


def test_basnet_has_the_published_keys_in_order(parity_folder: Path) -> None:
    published = json.loads((parity_folder / "basnet_state_dict.json").read_text())
    with torch.device("meta"):
        state = networks.build("basnet").state_dict()
    assert list(shapes(state).items()) == list(published.items())


def test_basnet_computes_what_the_published_network_computes(parity_folder: Path) -> None:
    published = json.loads((parity_folder / "basnet_state_dict.json").read_text())
    fixture = np.load(parity_folder / "basnet.npz")
    network = networks.build("basnet").eval()
    network.load_state_dict({k: torch.from_numpy(np.asarray(fill(k, tuple(s)))) for k, s in published.items()})
    with torch.inference_mode():
        answers = network(torch.from_numpy(fixture["x"]))
    assert len(answers) == 8
    for i, answer in enumerate(answers):
        assert np.abs(answer.sigmoid().numpy() - fixture[f"d{i}"]).max() <= 1e-5, f"output {i} differs"


def test_basnet_small_is_small() -> None:
    network = networks.build("basnet-small")
    assert sum(p.numel() for p in network.parameters()) <= 3_000_000


@pytest.mark.parametrize("size", [64, 96, 75])
def test_basnet_small_answers_all_maps_at_the_size_of_its_input(size: int) -> None:
    network = networks.build("basnet-small").eval()
    with torch.inference_mode():
        answers = network(torch.randn(2, 3, size, size))
    assert [tuple(a.shape) for a in answers] == [(2, 1, size, size)] * len(answers)
    assert all(a.dtype == torch.float32 and torch.isfinite(a).all() for a in answers)


def test_an_unknown_network_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="basnet-small"):
        networks.build("nonsense")
