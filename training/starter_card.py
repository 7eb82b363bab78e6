"""Where the starter weights come from: the part of their card that no run measures."""

from __future__ import annotations

from typing import Any

PROVENANCE: dict[str, Any] = {
    "name": "StickerSnap starter",
    "encoder": {
        "origin": "MobileNetV2 0.5 of TensorFlow's deeplabv3_257_mv_gpu (pretrained on ImageNet, COCO and VOC)",
        "licence": "Apache-2.0",
    },
    "architecture": "MobileNetV2 0.5 encoder, bridge, decoder with side outputs, residual refinement",
    "data": [
        {"name": "PASCAL-S", "pairs": 813, "source": "Li et al. 2014; VOC 2010 photographs", "licence": "academic"},
        {"name": "Caltech-101", "pairs": 861, "source": "Li et al. 2003", "licence": "CC BY 4.0 by its card"},
        {"name": "Oxford-IIIT Pet", "pairs": 520, "source": "Parkhi et al. 2012", "licence": "CC BY-SA 4.0, research"},
        {"name": "SYSU-Shapes vehicles", "pairs": 450, "source": "SYSU-Shapes 2014", "licence": "none stated"},
        {"name": "Weizmann Horses", "pairs": 317, "source": "Borenstein 2002", "licence": "academic"},
        {
            "name": "Clothing Co-Parsing",
            "pairs": 300,
            "source": "Yang et al. 2014",
            "licence": "Apache-2.0 (repository), third-party photographs",
        },
        {
            "name": "Feral cats",
            "pairs": 200,
            "source": "feral-cat-segmentation-dataset-and-model",
            "licence": "MIT",
        },
        {"name": "Flowers-17 masks", "pairs": 200, "source": "Oxford Flowers-17", "licence": "research"},
        {"name": "DAVIS 2016", "pairs": 86, "source": "validation frames", "licence": "research"},
        {"name": "COCO", "pairs": 55, "source": "photographs under CC BY and CC BY-SA", "licence": "CC BY, CC BY-SA"},
        {"name": "Balloon", "pairs": 20, "source": "Flickr", "licence": "commercial use allowed"},
    ],
    "evaluation": "every fourth picture of ECSSD (Shi et al. 2016), never trained on and never used to choose",
    "limits": "PASCAL-S is among the training pictures: no figure on PASCAL-S may be quoted for these weights.",
    "licences": ["Apache-2.0 (encoder)", "trained on sets for research: see data"],
    "machine": "two cores of an AMD EPYC (Zen 4, AVX512-BF16) shared with other work; no GPU",
    "tried": [
        (
            "Going on from these weights (`--base starter --seed 1 --rate 0.001 --minutes 76 --sizes 192 224 "
            "--final-sizes 224 256 256`, stronger copy–paste, several sizes, more weight near boundaries): on a busy "
            "machine it got through 650 steps (10,400 pictures) and ended on validation at maxFβ .891, MAE .071, mean "
            "IoU .785. These weights are at .893, .068, .788, so they stayed."
        ),
        (
            "The mean of these weights and of that run's: .895, .068, .791 on validation, too small a gain on one "
            "split to exchange weights for."
        ),
        (
            "Another side of the input without training for it (maxFβ, mean IoU on validation): 224 .891, .788; "
            "288 .895, .785; 320 .891, .775."
        ),
        (
            "The mean of the masks of a photo and of its mirror image: .900 on validation, of both at three sizes: "
            ".904; for two and six times the work."
        ),
        (
            "On as many pictures of the training split maxFβ is .911, so that most of what is missing is no "
            "overfitting but the network's size, and masks that contradict each other."
        ),
    ],
}
