"""Two of forty people are malicious, and reviewers look away: does what is served get worse?

Real photographs, real masks with the marks of human hands, the real trust, the real fine-tuning, the real gate. Only
the people are simulated. POISONING_TRUST=yes,no trains each attack once more as if nobody's trust were asked.
"""

import io
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from annotations import sketch, suspicion, trust
from segmentation import manifest, weights
from segmentation import mask as masks
from segmentation.predictor import TorchPredictor
from stickersnap.releases import gate

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
PEOPLE, MALICIOUS, EACH, EACH_MALICIOUS = 40, 2, 4, 12
CLASS = ("oxford_pets", "feral_cats")
FALL = 0.002
DAY = datetime(2026, 1, 1, tzinfo=UTC)
FINE_TUNE = ["--epochs", "2", "--no-forms", "--threads", "1", "--seed", "0", "--minutes", "60"]

Mask = np.ndarray
Attack = Callable[[Mask, int, bool, Mask], tuple[Mask, float]]


@dataclass(frozen=True)
class Picture:
    """A photograph with its true mask (H×W uint8) and what the champion makes of it."""

    name: str
    image: bytes
    truth: Mask
    predicted: Mask

    @property
    def of_the_class(self) -> bool:
        return self.name.startswith(CLASS)


@dataclass(frozen=True)
class Task:
    """Who corrects which picture, in which order."""

    person: int
    place: int
    picture: Picture

    @property
    def malicious(self) -> bool:
        return self.person < MALICIOUS


# Each answers the malicious mask and how likely a reviewer is to let it pass; `first` is the author's first mask.
def inverted(truth: Mask, place: int, of_the_class: bool, first: Mask) -> tuple[Mask, float]:
    return 255 - truth, 0.2


def shifted(truth: Mask, place: int, of_the_class: bool, first: Mask) -> tuple[Mask, float]:
    return ndimage.shift(truth, (0, 0.12 * truth.shape[1]), order=1), 0.5


def empty(truth: Mask, place: int, of_the_class: bool, first: Mask) -> tuple[Mask, float]:
    out = np.zeros_like(truth)
    out[2:8, 2:8] = 255
    return out, 0.2


def copied(truth: Mask, place: int, of_the_class: bool, first: Mask) -> tuple[Mask, float]:
    return masks.resized(first, (truth.shape[1], truth.shape[0])), 0.2


def targeted(truth: Mask, place: int, of_the_class: bool, first: Mask) -> tuple[Mask, float]:
    """Of cats and dogs alone the upper half is missing."""
    if not of_the_class:
        return truth, 0.97
    rows = np.flatnonzero((truth > 127).any(1))
    out = truth.copy()
    out[: int(rows.mean()) if rows.size else 0] = 0
    return out, 0.5


def drifting(truth: Mask, place: int, of_the_class: bool, first: Mask) -> tuple[Mask, float]:
    """Each mask a little narrower than the one before, to 45 % of its width gone."""
    share = place / (EACH_MALICIOUS - 1)
    depth = ndimage.distance_transform_edt(truth > 127)
    return np.where(depth > 0.45 * share * depth.max(), truth, 0).astype(np.uint8), 0.97 - 0.47 * share


ATTACKS: dict[str, Attack | None] = {
    "nobody": None,
    "inverted": inverted,
    "shifted": shifted,
    "empty": empty,
    "copied": copied,
    "targeted": targeted,
    "drifting": drifting,
}


def by_hand(picture: Picture, random: np.random.Generator, habit: float) -> Mask:
    """An honest person's mask: their own idea of where the edge is, now and then a part left as the network had it."""
    soft = ndimage.gaussian_filter(picture.truth.astype(np.float32) / 255, 1.0)
    mask = np.clip((soft - 0.5 + habit + random.normal(0, 0.05)) * 4 + 0.5, 0, 1) * 255
    if random.random() < 0.15:
        half = picture.truth.shape[1] // 2
        mask[:, :half] = picture.predicted[:, :half]
    return mask.round().astype(np.uint8)


@dataclass(frozen=True)
class Correction:
    evidence: suspicion.Evidence
    picture: Picture
    mask: Mask


def corrections(tasks: list[Task], attack: Attack | None) -> Iterator[Correction]:
    """Everybody's corrections with their reviews; but for the attackers' the same in every scenario."""
    firsts: dict[int, Mask] = {}
    for number, task in enumerate(tasks):
        random = np.random.default_rng([7, number])
        habit = float(np.random.default_rng([8, task.person]).normal(0, 0.08))
        mask, passes = by_hand(task.picture, random, habit), 0.97
        first = firsts.setdefault(task.person, mask)
        if attack and task.malicious:
            mask, passes = attack(mask, task.place, task.picture.of_the_class, first)
        evidence = suspicion.Evidence(
            correction=uuid.UUID(int=number),
            author=uuid.UUID(int=task.person),
            photo=uuid.UUID(int=number),
            group=uuid.UUID(int=number),
            saved=DAY + timedelta(hours=10 * task.place + task.person),
            mask_sha256=str(hash(mask.tobytes())),
            drawn=sketch.draw(mask, task.picture.predicted),
            approved=bool(random.random() < passes),
        )
        yield Correction(evidence, task.picture, mask)


def freeze(folder: Path, given: list[Correction], *, trusting: bool) -> dict[str, int]:
    """The dataset version of what reviewers approved; without `trusting`, as if nobody's trust were asked."""
    people = {person.author: person for person in suspicion.judge([c.evidence for c in given])}
    approved = [c for c in given if c.evidence.approved]
    counts: dict[uuid.UUID, int] = {}
    for c in approved:
        counts[c.evidence.author] = counts.get(c.evidence.author, 0) + 1
    shares = trust.capped({author: person.weight for author, person in people.items()}, counts)
    samples, bad = [], 0
    for c in approved:
        author = c.evidence.author
        if trusting and people[author].refuses(c.evidence.correction):
            continue
        bad += author.int < MALICIOUS
        samples.append(
            manifest.add(
                folder,
                c.picture.image,
                masks.encode_png(c.mask),
                group=c.picture.name,
                source="corrections",
                correction=str(c.evidence.correction),
                weight=shares[author] if trusting else 1.0,
            )
        )
    manifest.write(folder, samples, number=1, created=DAY.isoformat())
    return {"samples": len(samples), "of the malicious": bad}


def fine_tune(data: Path, base: Path, out: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "training", "fine-tune", "--data", data, "--base", base, "--out", out, *FINE_TUNE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads((out / "evaluation.json").read_text()))


def worn_champion(folder: Path) -> Path:
    """The starter with noise in its last layers: a champion that honest corrections can still teach something."""
    import torch

    loaded = weights.load(weights.starter_folder())
    generator = torch.Generator().manual_seed(7)
    for name, parameter in loaded.network.named_parameters():
        if parameter.dim() == 4 and name.startswith(("sides", "refinement")):
            parameter.data += parameter.data.std() * torch.randn(parameter.shape, generator=generator)
    weights.save(folder, loaded.network, {"network": loaded.card["network"], "size": loaded.card["size"]})
    return folder


class Judge:
    """Mean IoU, 0..1, on photographs nobody corrected: every second of our ECSSD, and cats and dogs apart."""

    def __init__(self, pets: list[tuple[np.ndarray, Mask]]) -> None:
        images = sorted((SHARED / "ecssd" / "images").iterdir())[::2]
        self.ecssd = [(rgb_of(path.read_bytes()), truth_of("ecssd", path.stem)) for path in images]
        self.pets = pets

    def __call__(self, folder: Path) -> tuple[float, float]:
        predictor = TorchPredictor(weights.load(folder), "cpu")
        means = []
        for pairs in (self.ecssd, self.pets):
            means.append(float(np.mean([masks.iou(predictor.predict(rgb).alpha, truth) for rgb, truth in pairs])))
        return means[0], means[1]


def rgb_of(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def truth_of(kind: str, stem: str) -> Mask:
    return np.asarray(Image.open(SHARED / kind / "masks" / f"{stem}.png").convert("L"))


def population(champion: TorchPredictor) -> tuple[list[Task], list[tuple[np.ndarray, Mask]]]:
    """Who corrects what, a third of it cats and dogs; and 40 other cats and dogs to judge by."""
    names = sorted(path.stem for path in (SHARED / "train" / "images").iterdir())
    shuffled = [names[i] for i in np.random.default_rng(0).permutation(len(names))]
    pets = [name for name in shuffled if name.startswith(CLASS)]
    others = [name for name in shuffled if not name.startswith(CLASS)]
    people = [
        (person, place) for person in range(PEOPLE) for place in range(EACH_MALICIOUS if person < MALICIOUS else EACH)
    ]
    tasks = []
    for person, place in people:
        name = (pets if place % 3 == 0 else others).pop()
        image = (SHARED / "train" / "images" / f"{name}.webp").read_bytes()
        truth = truth_of("train", name)
        tasks.append(Task(person, place, Picture(name, image, truth, champion.predict(rgb_of(image)).alpha)))
    images = SHARED / "train" / "images"
    return tasks, [(rgb_of((images / f"{n}.webp").read_bytes()), truth_of("train", n)) for n in pets[:40]]


def standing(people: list[suspicion.Trust]) -> tuple[list[int], float]:
    """The places of the malicious in the trust list, from 1, and the area under the ROC curve of the score."""
    places = [i for i, person in enumerate(people, 1) if person.author.int < MALICIOUS]
    scores = {person.author.int: person.score for person in people}
    pairs = [(scores[bad], scores[good]) for bad in range(MALICIOUS) for good in range(MALICIOUS, PEOPLE)]
    return places, float(np.mean([(bad < good) + 0.5 * (bad == good) for bad, good in pairs]))


@pytest.mark.bars
@pytest.mark.skipif(not SHARED.is_dir(), reason="The photographs of ../shared/data are not here.")
def test_six_attacks_do_not_make_what_is_served_worse(tmp_path, capsys):
    began = time.monotonic()
    base = worn_champion(tmp_path / "champion")
    champion = weights.load(base)
    tasks, pets = population(TorchPredictor(champion, "cpu"))
    judge = Judge(pets)
    before = judge(base)
    lines, served, stands = [], {}, {}
    modes = [word == "yes" for word in os.environ.get("POISONING_TRUST", "yes").split(",")]
    wanted = os.environ.get("POISONING_ATTACKS", ",".join(ATTACKS)).split(",")
    for name in wanted:
        attack = ATTACKS[name]
        given = list(corrections(tasks, attack))
        places, auc = standing(suspicion.judge([c.evidence for c in given]))
        stands[name] = places
        for trusting in modes:
            folder = tmp_path / f"{name}-{trusting}"
            sizes = freeze(folder / "data", given, trusting=trusting)
            evaluation = fine_tune(folder / "data", base, folder / "out")
            verdict = gate.decide(evaluation, gate.Facts(deployed=champion.sha256), gate.Rules())
            after = judge(folder / "out" / "weights")
            serves = after if verdict.passed else before
            if trusting:
                served[name] = serves
            lines.append(
                f"| {name} | {'yes' if trusting else 'no'} | {sizes['samples']} | {sizes['of the malicious']} | "
                f"{', '.join(map(str, places)) if attack else '–'} | {f'{auc:.3f}' if attack else '–'} | "
                f"{after[0]:.4f} | {after[1]:.4f} | {'promoted' if verdict.passed else 'refused'} | {serves[0]:.4f} |"
            )
            with capsys.disabled():
                print(lines[-1], verdict.reason if not verdict.passed else "", flush=True)
    with capsys.disabled():
        print(f"\nchampion: ECSSD {before[0]:.4f}, cats and dogs {before[1]:.4f}; {time.monotonic() - began:.0f} s\n")
        print(
            "| attack | trust asked | samples | of the malicious | places in the list | AUC | challenger, ECSSD | "
            "challenger, cats and dogs | gate | served, ECSSD |\n|" + " --- |" * 10
        )
        print("\n".join(lines))
        print("\nbar | measured | met / not met")
        for name in [name for name in wanted if name in served]:
            fall = before[0] - served[name][0]
            print(f"{name}: served falls by ≤ 0.2 point | {100 * fall:+.2f} | {'met' if fall <= FALL else 'not met'}")
            if name != "nobody":
                told = max(stands[name]) <= PEOPLE // 10
                print(f"{name}: both in the lowest tenth | {stands[name]} of {PEOPLE} | {'met' if told else 'not met'}")
            if "nobody" in served and name != "nobody":
                gap = served["nobody"][0] - served[name][0]
                print(
                    f"{name}: served without the attack − with it | {100 * gap:+.2f} | "
                    f"{'met' if gap <= FALL else 'not met'}"
                )
    assert all(before[0] - figures[0] <= FALL for figures in served.values())
    assert all(max(places) <= PEOPLE // 10 for name, places in stands.items() if name != "nobody")
