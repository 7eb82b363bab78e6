"""The network as it is served computes what the network computes, with less work."""

import numpy as np
import pytest
import torch
from torch import nn

from segmentation import networks
from segmentation.graph import Served, folded
from segmentation.transforms import normalise

NAMES = ("basnet", "basnet-small", "basnet-lite", "u2netp")


def lively(name: str) -> nn.Module:
    """A network whose batch norms do something, as after training."""
    generator = torch.Generator().manual_seed(4)
    network = networks.build(name).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for buffer, low, high in (("weight", 0.6, 1.2), ("bias", -0.2, 0.2), ("running_var", 0.5, 1.5)):
                getattr(module, buffer).data.uniform_(low, high, generator=generator)
            module.running_mean.normal_(0, 0.1, generator=generator)
    return network


@pytest.fixture(scope="module", params=NAMES)
def network(request: pytest.FixtureRequest) -> nn.Module:
    return lively(request.param)


def test_folding_batch_norm_changes_nothing_but_the_work(network: nn.Module) -> None:
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    fewer = folded(network)
    assert not [m for m in fewer.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.inference_mode():
        for before, after in zip(network.maps(x), fewer.maps(x), strict=True):
            scale = before.abs().max()
            assert ((before - after).abs().max() / scale) < 1e-4


def test_folding_leaves_the_network_itself_alone(network: nn.Module) -> None:
    before = {key: value.clone() for key, value in network.state_dict().items()}
    folded(network)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_the_first_maps_are_the_same_alone(network: nn.Module) -> None:
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        every = network.maps(x)
        for count in (1, 2, 3):
            some = network.maps(x, first=count)
            assert len(some) == count
            assert all(torch.equal(a, b) for a, b in zip(some, every, strict=False))


@pytest.mark.parametrize("name", ["basnet", "basnet-small", "basnet-lite"])
def test_side_outputs_beyond_the_two_are_not_computed(name: str) -> None:
    network = networks.build(name).eval()
    computed = []
    sides = [m for n, m in network.named_modules() if n.startswith(("outconv", "sides.")) and isinstance(m, nn.Conv2d)]
    for side in sides:
        side.register_forward_hook(lambda *_: computed.append(1))
    with torch.inference_mode():
        network.maps(torch.zeros(1, 3, 64, 64), first=2)
    assert len(sides) > 3
    assert len(computed) == 1


def test_what_is_served_is_the_sigmoid_of_the_first_two_logits(network: nn.Module) -> None:
    picture = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8))
    with torch.inference_mode():
        expected = [m[:, 0].sigmoid() for m in network(normalise(picture))[:2]]
        refined, coarse = Served(network)(picture)
    assert refined.shape == (2, 64, 64)
    assert torch.allclose(refined, expected[0], atol=1e-5)
    assert torch.allclose(coarse, expected[1], atol=1e-5)
