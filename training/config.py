"""Settings of a run; an unknown key is an error."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

AUTO = "auto"
STARTERS = ("basnet-lite", "basnet-small")
"""The networks that training.starter.starter makes, each from a pretrained encoder (training.starter.encoder)."""
LESSON_SIDE = 320
"""The longer side, in pixels, at which the starter's pictures and a teacher's masks of them are kept."""


class ConfigError(Exception):
    """The settings cannot be used as they are."""


@dataclass(frozen=True)
class Config:
    """What both kinds of run share."""

    seed: int = 0
    batch: int = 16
    minutes: float = 60.0
    rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: float = 0.03
    ema: float = 0.999

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """The settings given by name. ConfigError for a name that is none of ours."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"Unknown setting {', '.join(unknown)}: the settings are {', '.join(sorted(known))}.")
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class FineTuneConfig(Config):
    """Fine-tuning of a base on a dataset folder. Why each number is what it is: docs/training.md.

    `epochs` is the most there may be: after `steps` steps no new one is begun, but for the second. `size` 0 means the
    base's own, `threads` 0 as many as there are idle cores (one where it must be deterministic). `encoder_floor`
    scales the rate of the encoder's first layer, see training.layerwise. `interpolate` is how far to go from the base
    (0) to what was learnt (1), or "auto", see training.interpolate. `distil` says whether the base teaches on
    unlabelled pictures: None where nothing is replayed. `bfloat16` None: where the device computes in it.
    """

    batch: int = 12
    minutes: float = 12.0
    rate: float = 2e-4
    warmup: float = 0.1
    ema: float = 0.98
    epochs: int = 20
    steps: int = 64
    size: int = 0
    least_steps: int = 4
    threads: int = 0
    replay_share: float = 0.5
    distil_share: float = 2 / 3
    distil_strength: float = 4.0
    encoder_floor: float = 0.1
    frozen_statistics: bool = True
    interpolate: float | str = AUTO
    distil: bool | None = None
    deterministic: bool = False
    bfloat16: bool | None = None
    validation_share: float = 0.1
    validation_from: int = 400
    patience: int = 5
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        """ConfigError for a value that makes no run."""
        for name in ("batch", "epochs", "minutes", "rate", "encoder_floor"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}: it must be over 0.")
        for name in ("replay_share", "distil_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: it must be from 0 to under 1.")
        if self.size and not 32 <= self.size <= 4096:
            raise ConfigError(f"size is {self.size}: it must be from 32 to 4096, or 0 for the base's own.")
        if self.interpolate != AUTO and not (isinstance(self.interpolate, int | float) and 0 < self.interpolate <= 1):
            raise ConfigError(f"interpolate is {self.interpolate!r}: it must be {AUTO}, or over 0 and at most 1.")

    def decisive(self) -> dict[str, Any]:
        """What the result depends on: all but how long it may take and how often it is kept."""
        return {name: value for name, value in self.as_dict().items() if name not in ("minutes", "checkpoint_seconds")}


def source_weights() -> dict[str, float]:
    """How often each source of the starter's pictures is drawn: everyday scenes most, since they help others most."""
    return {
        "pascal_s": 0.24,
        "caltech101": 0.12,
        "oxford_pets": 0.05,
        "sysu_vehicles": 0.06,
        "weizmann_horse": 0.03,
        "ccp_fashion": 0.045,
        "feral_cats": 0.03,
        "flowers17": 0.04,
        "davis20": 0.05,
        "coco_ccby": 0.045,
        "coco_ccnc": 0.03,
        "balloon": 0.01,
        "wild_animals": 0.09,
        "predators": 0.04,
        "flickr_portraits": 0.05,
        "bottles": 0.015,
        "fire_trucks": 0.015,
        "dog_cat_via": 0.015,
        "pelota_players": 0.01,
        "small_products": 0.01,
        "food_plates": 0.008,
        "alphamatting": 0.012,
        "openimages": 0.09,
        "grocery": 0.02,
    }


@dataclass(frozen=True)
class StarterConfig(Config):
    """Training of the shipped weights. A step's pictures are of one of `sizes`, towards the end of `final_sizes`.

    `bfloat16` None: where the processor computes in it.
    """

    network: str = "basnet-lite"
    batch: int = 12
    rate: float = 1.5e-3
    ema: float = 0.998
    size: int = 256
    sizes: tuple[int, ...] = (192, 224, 256)
    final_sizes: tuple[int, ...] = (256, 288, 320)
    final_share: float = 0.35
    encoder_rate: float = 0.2
    frozen_blocks: int = 3
    export_minutes: float = 15.0
    bfloat16: bool | None = None
    processes: int = 2
    threads: int = 1
    sources: dict[str, float] = field(default_factory=source_weights)
