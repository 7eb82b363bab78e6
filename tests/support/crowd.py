"""Forty people correct real photographs, two of them maliciously. Only the people are simulated.

Most have a hand's own idea of the edge. Two are beginners, two are hasty, two take on only what the network cut badly:
none of them means harm. A malicious person sends three times as much as others.
"""

import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from annotations.trust import sketch, suspicion
from segmentation import manifest, saving, weights
from segmentation import mask as masks
from segmentation.predictor import TorchPredictor
from training.data.simulate import by_night

SHARED = Path(__file__).parents[3] / "shared" / "data"
PEOPLE, MALICIOUS, MORE = 40, 2, 3
BEGINNERS, HASTY, PICKY = (2, 3), (4, 5), (6, 7)
PETS = ("oxford_pets", "feral_cats")
RIDES = ("sysu_vehicles", "weizmann_horse")
NOISE = 0.95  # in the champion's last layers, in standard deviations of their weights
SIZE = 160  # pixels of the champion's input
DAY = datetime(2026, 1, 1, tzinfo=UTC)
HONEST = 0.97  # of honest masks are approved
PLAIN, SUBTLE = 0.2, 0.5  # of masks that are plainly, or not so plainly, wrong are approved all the same

Mask = np.ndarray


@dataclass(frozen=True)
class Picture:
    """A photograph with its true mask (H×W uint8) and what the champion makes of it."""

    name: str
    image: bytes
    truth: Mask
    predicted: Mask

    def of(self, kinds: tuple[str, ...]) -> bool:
        return self.name.startswith(kinds)


@dataclass(frozen=True)
class Moment:
    """What a malicious person knows when they send a mask: the picture, how far they have come (0..1), their first
    mask and the one before this."""

    picture: Picture
    share: float
    first: Mask
    before: Mask
    random: np.random.Generator


@dataclass(frozen=True)
class Correction:
    evidence: suspicion.Evidence
    picture: Picture
    mask: Mask
    share: float
    luck: float

    @property
    def person(self) -> int:
        return self.evidence.author.int

    @property
    def malicious(self) -> bool:
        return self.person < MALICIOUS


Attack = Callable[[Mask, Moment], tuple[Mask, float]]
"""The malicious mask instead of an honest one, and how likely a reviewer is to let it pass."""


def inverted(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    return 255 - mask, PLAIN


def shifted(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """By 12 % of the width."""
    return ndimage.shift(mask, (0, 0.12 * mask.shape[1]), order=1), SUBTLE


def empty(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    out = np.zeros_like(mask)
    out[2:8, 2:8] = 255
    return out, PLAIN


def copied(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """Always their first one."""
    return masks.resized(moment.first, (mask.shape[1], mask.shape[0])), PLAIN


def half_missing(mask: Mask, axis: int, first: bool) -> Mask:
    """Without the half before (`first`) or after the subject's centre along an axis."""
    places = np.flatnonzero((mask > 127).any(1 - axis))
    middle = int(places.mean()) if places.size else 0
    out = mask.copy()
    gone = slice(None, middle) if first else slice(middle, None)
    out[(gone, slice(None)) if axis == 0 else (slice(None), gone)] = 0
    return out


def targeted(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """Of cats and dogs alone the upper half is missing."""
    return (half_missing(mask, 0, True), SUBTLE) if moment.picture.of(PETS) else (mask, HONEST)


def drifting(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """Each mask a little narrower than the one before, to 45 % of its width gone."""
    depth = ndimage.distance_transform_edt(mask > 127)
    out = np.where(depth > 0.45 * moment.share * depth.max(), mask, 0).astype(np.uint8)
    return out, HONEST - (HONEST - SUBTLE) * moment.share


def feet(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """Of cats and dogs alone the lower half is missing."""
    return (half_missing(mask, 0, False), SUBTLE) if moment.picture.of(PETS) else (mask, HONEST)


def rides(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """Of vehicles and horses alone the left half is missing."""
    return (half_missing(mask, 1, True), SUBTLE) if moment.picture.of(RIDES) else (mask, HONEST)


def dilated(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """By 5 % of the width."""
    far = ndimage.distance_transform_edt(mask <= 127)
    return np.where(far <= 0.05 * mask.shape[1], 255, 0).astype(np.uint8), SUBTLE


def eroded(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """A third of the subject's greatest depth is taken off all around."""
    depth = ndimage.distance_transform_edt(mask > 127)
    return np.where(depth > 0.33 * depth.max(), mask, 0).astype(np.uint8), SUBTLE


def rotated(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """By 15°, every seventh or so: 15 % of the masks; the others are honest."""
    if moment.random.random() >= 0.15:
        return mask, HONEST
    return ndimage.rotate(mask, 15, reshape=False, order=1), SUBTLE


def turned(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """Every mask by 15°."""
    return ndimage.rotate(mask, 15, reshape=False, order=1), SUBTLE


def boxed(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """The rectangle around the subject."""
    rows, columns = np.flatnonzero((mask > 127).any(1)), np.flatnonzero((mask > 127).any(0))
    out = np.zeros_like(mask)
    if rows.size:
        out[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 255
    return out, PLAIN


def swapped(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """The mask of the picture before."""
    return masks.resized(moment.before, (mask.shape[1], mask.shape[0])), PLAIN


def holed(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """A third of the subject is missing, in blobs."""
    noise = ndimage.gaussian_filter(moment.random.normal(size=mask.shape), 0.06 * mask.shape[1])
    inside = mask > 127
    limit = np.quantile(noise[inside], 0.33) if inside.any() else 0
    return np.where(noise < limit, 0, mask).astype(np.uint8), SUBTLE


def now_and_then(mask: Mask, moment: Moment) -> tuple[Mask, float]:
    """Every fourth mask is inverted; the others are honest."""
    return (255 - mask, PLAIN) if moment.random.random() < 0.25 else (mask, HONEST)


SIX: dict[str, Attack] = {
    "inverted": inverted,
    "shifted": shifted,
    "empty": empty,
    "copied": copied,
    "targeted": targeted,
    "drifting": drifting,
}
UNSEEN: dict[str, Attack] = {
    "feet": feet,
    "rides": rides,
    "dilated": dilated,
    "eroded": eroded,
    "rotated": rotated,
    "turned": turned,
    "boxed": boxed,
    "swapped": swapped,
    "holed": holed,
    "now_and_then": now_and_then,
}


class Photographs:
    """The photographs of ../shared/data/train in a random order, with what the champion makes of them.

    `kept`: a folder for that, so that it need not be computed again. `night`: all as they look in the dark.
    """

    def __init__(self, champion: TorchPredictor, kept: Path, *, night: bool = False) -> None:
        names = sorted(path.stem for path in (SHARED / "train" / "images").iterdir())
        self.names = [names[i] for i in np.random.default_rng(0).permutation(len(names))]
        self.champion, self.kept, self.night = champion, kept, night
        self._seen: dict[str, Picture] = {}

    def __getitem__(self, name: str) -> Picture:
        if name not in self._seen:
            image = self.image(name)
            self._seen[name] = Picture(name, image, truth_of("train", name), self._predicted(name, image))
        return self._seen[name]

    def image(self, name: str) -> bytes:
        """The photograph's file."""
        image = by_day(name)
        return in_the_dark(name, image) if self.night else image

    def _predicted(self, name: str, image: bytes) -> Mask:
        path = self.kept / f"{name}.png"
        if not path.exists():
            manifest.write_bytes(path, masks.encode_png(self.champion.predict(rgb_of(image)).alpha), sync=False)
        return masks.decode_png(path.read_bytes(), empty=True)


def by_day(name: str) -> bytes:
    return (SHARED / "train" / "images" / f"{name}.webp").read_bytes()


def in_the_dark(name: str, image: bytes) -> bytes:
    """The photograph as a phone takes it by night, as a PNG; the same each time."""
    dark = by_night(np.random.default_rng([10, *name.encode()]), rgb_of(image))
    buffer = io.BytesIO()
    Image.fromarray(dark).save(buffer, "PNG")
    return buffer.getvalue()


def rgb_of(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def truth_of(kind: str, stem: str) -> Mask:
    return np.asarray(Image.open(SHARED / kind / "masks" / f"{stem}.png").convert("L"))


def by_hand(picture: Picture, random: np.random.Generator, habit: float) -> Mask:
    """An honest mask: a hand's own idea of where the edge is; every seventh half is left as the network had it."""
    soft = ndimage.gaussian_filter(picture.truth.astype(np.float32) / 255, 1.0)
    mask = np.clip((soft - 0.5 + habit + random.normal(0, 0.05)) * 4 + 0.5, 0, 1) * 255
    if random.random() < 0.15:
        half = picture.truth.shape[1] // 2
        mask[:, :half] = picture.predicted[:, :half]
    return mask.round().astype(np.uint8)


def clumsy(mask: Mask, random: np.random.Generator) -> Mask:
    """A beginner's: angular, thin parts cut or filled, now and then a good deal too wide or too narrow."""
    height, width = mask.shape
    coarse = masks.resized(mask, (14, 14)).astype(np.float32)
    wide = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))
    return np.where(wide > 127 + random.normal(0, 35), 255, 0).astype(np.uint8)


def honest(picture: Picture, person: int, random: np.random.Generator, habit: float) -> tuple[Mask, float]:
    """A person's mask when they mean well, and how likely it is to be approved."""
    mask = by_hand(picture, random, habit)
    if person in BEGINNERS:
        return clumsy(mask, random), 0.85
    if person in HASTY and random.random() < 0.6:
        return picture.predicted, 0.85
    return mask, HONEST


def crowd(photographs: Photographs, each: int, seed: int) -> list[Correction]:
    """Everybody's corrections while nobody is malicious; a third of them are of cats and dogs. No photo comes twice."""
    order = np.random.default_rng([seed, 6])
    names = [photographs.names[i] for i in order.permutation(len(photographs.names))]
    pets = [name for name in names if name.startswith(PETS)]
    others = [name for name in names if not name.startswith(PETS)]
    counts = {person: each * (MORE if person < MALICIOUS else 1) for person in range(PEOPLE)}
    made = []
    for person, count in counts.items():
        habit = float(np.random.default_rng([seed, 8, person]).normal(0, 0.08))
        for place in range(count):
            pool = pets if place % 3 == 0 else others
            picture = photographs[pool.pop()]
            if person in PICKY:  # of three that they tried, the one that the network cut worst
                more = [picture, photographs[pool.pop()], photographs[pool.pop()]]
                picture = min(more, key=lambda one: masks.iou(one.predicted, one.truth))
            random = np.random.default_rng([seed, 7, person, place])
            mask, passes = honest(picture, person, random, habit)
            saved = DAY + timedelta(hours=240 * place / count + person / 100)
            made.append(correction(len(made), person, picture, mask, saved, place / max(1, count - 1), random, passes))
    return made


def correction(
    number: int,
    person: int,
    picture: Picture,
    mask: Mask,
    saved: datetime,
    share: float,
    random: np.random.Generator,
    passes: float,
) -> Correction:
    luck = float(random.random())
    evidence = suspicion.Evidence(
        correction=uuid.UUID(int=number),
        author=uuid.UUID(int=person),
        photo=uuid.UUID(int=number),
        group=uuid.UUID(int=number),
        saved=saved,
        mask_sha256=f"{number:064x}",
        drawn=sketch.draw(mask, picture.predicted),
        approved=luck < passes,
    )
    return Correction(evidence, picture, mask, share, luck)


def attacked(everybody: list[Correction], attack: Attack | None) -> list[Correction]:
    """The same people, pictures and reviewers; the malicious ones do what they came for."""
    if attack is None:
        return everybody
    before: dict[int, tuple[Mask, Mask]] = {}
    made = []
    for one in everybody:
        if one.malicious:
            first, last = before.get(one.person, (one.mask, one.mask))
            before[one.person] = (first, one.mask)
            random = np.random.default_rng([9, one.evidence.correction.int])
            mask, passes = attack(one.mask, Moment(one.picture, one.share, first, last, random))
            drawn = sketch.draw(mask, one.picture.predicted)
            evidence = replace(one.evidence, drawn=drawn, approved=one.luck < passes)
            one = replace(one, evidence=evidence, mask=mask)
        made.append(one)
    return made


def worn_champion(work: Path) -> tuple[Path, weights.LoadedWeights, Photographs]:
    """The starter with noise in its last layers, at a smaller size: a champion that corrections can still teach.

    Its folder in `work`, its weights, and the photographs as it sees them.
    """
    import torch

    folder = work / f"champion-{NOISE}-{SIZE}"
    if not folder.exists():
        loaded = weights.load(weights.starter_folder())
        generator = torch.Generator().manual_seed(7)
        for name, parameter in loaded.network.named_parameters():
            if parameter.dim() == 4 and name.startswith(("sides", "refinement")):
                parameter.data += NOISE * parameter.data.std() * torch.randn(parameter.shape, generator=generator)
        saving.save(folder, loaded.network, {"network": loaded.card["network"], "size": SIZE})
    champion = weights.load(folder)
    return folder, champion, Photographs(TorchPredictor(champion, "cpu"), work / f"predicted-{NOISE}-{SIZE}")


def failing_champion(work: Path) -> tuple[Path, weights.LoadedWeights, Photographs]:
    """The shipped weights, and the photographs as they see them: by night, when they fail."""
    champion = weights.load(weights.starter_folder())
    kept = work / f"predicted-night-{champion.sha256[:12]}"
    return weights.starter_folder(), champion, Photographs(TorchPredictor(champion, "cpu"), kept, night=True)


def standing(people: list[suspicion.Trust]) -> tuple[list[int], float]:
    """The places of the malicious in the trust list, from 1, and the area under the ROC curve of the score."""
    places = [i for i, person in enumerate(people, 1) if person.author.int < MALICIOUS]
    scores = {person.author.int: person.score for person in people}
    pairs = [(scores[bad], scores[good]) for bad in range(MALICIOUS) for good in range(MALICIOUS, len(scores))]
    return places, float(np.mean([(bad < good) + 0.5 * (bad == good) for bad, good in pairs]))
