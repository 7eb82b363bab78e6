"""The pipeline of 2020, written plainly, as a baseline: Flask, eager torch in float32, one picture at a time.

Every output of the network is computed, the first is stretched to its own minimum and maximum, enlarged by Pillow and
sent as a PNG. `PLAIN_NETWORK` names the network, `PLAIN_WEIGHTS` its safetensors (none: random ones). Run by gunicorn:
`gunicorn --chdir tests/benchmarks "plain_pipeline:make()"`.
"""

import io
import os

import numpy as np
import torch
from flask import Flask, Response, request
from PIL import Image, ImageOps
from safetensors.torch import load_file

from segmentation import networks

SIDE = 256
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class Pipeline:
    """A network and what stands around it."""

    def __init__(self, name: str, weights: str = "") -> None:
        torch.manual_seed(0)
        self.network = networks.build(name)
        if weights:
            self.network.load_state_dict(load_file(weights))
        self.network.eval()

    def prepared(self, image: Image.Image) -> torch.Tensor:
        """1×3×256×256 float32."""
        pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)).astype(np.float64)
        pixels = (pixels / max(pixels.max(), 1) - MEAN) / STD
        return torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Every output of the network as probabilities."""
        with torch.no_grad():
            return [torch.sigmoid(logits) for logits in self.network(x)]

    def cut(self, data: bytes) -> bytes:
        """Photo in, transparent PNG at the photo's size out."""
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        refined = self.maps(self.prepared(image))[0][0, 0]
        refined = (refined - refined.min()) / (refined.max() - refined.min())
        mask = Image.fromarray((refined.numpy() * 255).astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
        image.putalpha(mask)
        out = io.BytesIO()
        image.crop(mask.getbbox()).save(out, "PNG")
        return out.getvalue()


def make() -> Flask:
    """The service."""
    application = Flask(__name__)
    pipeline = Pipeline(os.environ["PLAIN_NETWORK"], os.environ.get("PLAIN_WEIGHTS", ""))

    @application.post("/")
    def cut() -> Response:
        return Response(pipeline.cut(request.files["data"].read()), mimetype="image/png")

    return application
