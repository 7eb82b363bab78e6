"""From a published U²-Net's ONNX graph back to its state dict, so that it can be fine-tuned and distilled.

The graph has its batch norm folded into the convolutions, which stand in forward order, as the modules here do; each
batch norm becomes the identity.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from segmentation import networks
from segmentation.transforms import normalise_array, resize
from segmentation.weights.golden import pictures

MEAN, WORST = 3e-6, 2e-4
"""How far probabilities may be from what onnxruntime computes with the graph, on average and any one.

Rounding alone takes onnxruntime 6e-5 away from what it computes in other order, where a side output is steep.
"""


class UnfoldError(Exception):
    """The graph is not this network's; it can be served as it is, but not trained."""


def convolutions(file: Path) -> list[tuple[Tensor, Tensor]]:
    """Weights and bias of a graph's convolutions in forward order."""
    graph = onnx.load(str(file)).graph
    arrays = {tensor.name: tensor for tensor in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type == "Conv":
            if len(node.input) != 3 or not set(node.input[1:]) <= arrays.keys():
                raise UnfoldError("a convolution has no bias: batch norm is not folded into it")
            weight, bias = (torch.from_numpy(numpy_helper.to_array(arrays[n]).copy()) for n in node.input[1:])
            found.append((weight, bias))
    return found


def unfolded(name: str, file: Path) -> nn.Module:
    """The network of that name, ready for evaluation, with what the graph holds. UnfoldError for another's graph."""
    network = networks.build(name).eval()
    own = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    there = convolutions(file)
    if len(own) != len(there):
        raise UnfoldError(f"it has {len(there)} convolutions, {name} has {len(own)}")
    with torch.no_grad():
        for conv, (weight, bias) in zip(own, there, strict=True):
            if conv.weight.shape != weight.shape or conv.bias is None:
                raise UnfoldError(f"a convolution has the shape {tuple(weight.shape)}, not {tuple(conv.weight.shape)}")
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                identity(norm)
    return network


def identity(norm: nn.BatchNorm2d) -> None:
    """Makes a batch norm in evaluation mode answer what it is given."""
    for parameter, value in ((norm.weight, 1.0), (norm.bias, 0.0), (norm.running_mean, 0.0)):
        if parameter is not None:
            parameter.fill_(value)
    if norm.running_var is not None:
        norm.running_var.fill_(1.0 - norm.eps)


def difference(network: nn.Module, file: Path, size: int) -> tuple[float, float]:
    """The mean and the largest difference between all outputs of a network and of its graph, on a drawn picture."""
    x = normalise_array(resize(pictures()["disc"], size)[None])
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: x})
    with torch.inference_mode():
        ours = [logits.sigmoid().numpy() for logits in network(torch.from_numpy(x))]
    if len(ours) != len(theirs):
        raise UnfoldError(f"it has {len(theirs)} outputs, not {len(ours)}")
    apart = np.stack([np.abs(a - b) for a, b in zip(ours, theirs, strict=True)])
    return float(apart.mean()), float(apart.max())


def checked(name: str, file: Path, size: int) -> nn.Module:
    """`unfolded`, proven to compute what its graph does. UnfoldError where it does not."""
    network = unfolded(name, file)
    mean, worst = difference(network, file, size)
    if not (mean <= MEAN and worst <= WORST):
        raise UnfoldError(f"its answers differ by {mean:.1e} on average and {worst:.1e} in one place")
    return network.requires_grad_(False)
