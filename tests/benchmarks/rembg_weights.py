"""Our weights as the graph that rembg's U²-Net sessions feed: `python rembg_weights.py WEIGHTS FILE`.

rembg sends 1×3×320×320 floats, already normalised, and reads the first output. The graph shrinks them to the network's
own 256×256 first, so that both servers run the same network on as many pixels.
"""

import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segmentation import weights

THEIRS, OURS = 320, 256


class Fed(nn.Module):
    """A network that takes what rembg sends and answers its refined map alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        small = F.interpolate(x, size=(OURS, OURS), mode="bilinear", align_corners=False)
        return torch.sigmoid(self.network(small)[0])


def main() -> None:
    source, target = sys.argv[1:]
    network = Fed(weights.load(source).network).eval()
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, THEIRS, THEIRS),),
            target,
            input_names=["input"],
            output_names=["refined"],
            opset_version=18,
            external_data=False,
            verbose=False,
        )


if __name__ == "__main__":
    main()
