"""Two of forty people are malicious, and reviewers look away: does what is served get worse?

Real photographs, real masks with the marks of human hands, the shipped weights, the real trust, the real fine-tuning as
it comes, the real gate. Only the people are simulated (see crowd.py), and that it was night when they took pictures.
docs/poisoning.md tells what the environment variables do.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crowd
import numpy as np
import pytest
import torch
from crowd import Correction, Mask

from annotations.trust import suspicion, trust
from segmentation import manifest, weights
from segmentation import mask as masks
from segmentation.predictor import TorchPredictor
from stickersnap.releases.gate import gate, holdout

ROOT = Path(__file__).parents[2]
EACH = 12  # corrections of an honest person
HELD_OUT = 0.5  # of the pictures
UNCORRECTED, NIGHTLY = 100, 150
FALL = 0.002
FINE_TUNE = ["--deterministic", "--threads", "1", "--no-forms"]
WITHOUT = ("nobody", "absent")  # is malicious; the two people who would be send honest masks, or nothing
ALL = "all"
SETS = ("ecssd", "pets by night", "others by night")
Scores = dict[str, list[float]]


@dataclass(frozen=True)
class Run:
    """What was frozen of one scenario, and where what is learned from it will be."""

    attack: str
    trusting: bool
    seed: int
    folder: Path
    sizes: dict[str, int]
    unmended: frozenset[str]


class Judge:
    """IoU of each of some photographs that nobody corrected: ECSSD, 150 cats and dogs by night, 150 others by night."""

    def __init__(self, photographs: crowd.Photographs, corrected: set[str]) -> None:
        free = [name for name in photographs.names if name not in corrected]
        pets = [name for name in free if name.startswith(crowd.PETS)][:NIGHTLY]
        others = [name for name in free if not name.startswith(crowd.PETS)][:NIGHTLY]
        images = sorted((crowd.SHARED / "ecssd" / "images").iterdir())
        self.sets = {
            "ecssd": [(path.read_bytes(), crowd.truth_of("ecssd", path.stem)) for path in images],
            "pets by night": [(photographs.image(name), crowd.truth_of("train", name)) for name in pets],
            "others by night": [(photographs.image(name), crowd.truth_of("train", name)) for name in others],
        }

    def __call__(self, folder: Path, kept: Path) -> Scores:
        if not kept.exists():
            predictor = TorchPredictor(weights.load(folder), "cpu")
            scores = {name: [self._iou(predictor, *pair) for pair in pairs] for name, pairs in self.sets.items()}
            manifest.write_bytes(kept, json.dumps(scores).encode())
        return dict(json.loads(kept.read_bytes()))

    def _iou(self, predictor: TorchPredictor, image: bytes, truth: Mask) -> float:
        return masks.iou(predictor.predict(crowd.rgb_of(image)).alpha, truth)


def freeze(
    folder: Path, given: list[Correction], photos: list[bytes], *, trusting: bool
) -> tuple[dict[str, int], frozenset[str]]:
    """The dataset version of what reviewers approved; without `trusting`, as if nobody's trust were asked.

    `photos` nobody corrected. Answers how many samples are of what kind, and the held-out photos that nobody mended.
    """
    people = {person.author: person for person in suspicion.judge([c.evidence for c in given])}
    approved = [c for c in given if c.evidence.approved]
    counts: dict[uuid.UUID, int] = {}
    for c in approved:
        counts[c.evidence.author] = counts.get(c.evidence.author, 0) + 1
    shares = trust.capped({author: person.weight for author, person in people.items()}, counts)
    samples = [manifest.add(folder, photo, None, group=f"photo {i}", source="photos") for i, photo in enumerate(photos)]
    sizes = {"train": 0, "holdout": 0, "bad train": 0, "bad holdout": 0, "honest out": 0}
    unmended = set()
    for c in approved:
        if trusting and people[c.evidence.author].refuses(c.evidence.correction):
            sizes["honest out"] += not c.malicious
            continue
        split: manifest.Split = "holdout" if manifest.share_of(c.picture.name) < HELD_OUT else "train"
        sizes[split] += 1
        sizes[f"bad {split}"] += c.malicious
        samples.append(
            manifest.add(
                folder,
                c.picture.image,
                masks.encode_png(c.mask),
                group=c.picture.name,
                source="corrections",
                correction=str(c.evidence.correction),
                weight=shares[c.evidence.author] if trusting else 1.0,
                split=split,
            )
        )
        if masks.iou(c.mask, c.picture.predicted) >= holdout.UNCHANGED:
            unmended.add(samples[-1].image_sha256)
    manifest.write(folder, samples, number=1, created=crowd.DAY.isoformat())
    return sizes, frozenset(unmended)


def scenario(
    work: Path, base: Path, everybody: list[Correction], photos: list[bytes], attack: str, trusting: bool, seed: int
) -> Run:
    """Freezes it where a folder is that is named by all that training depends on: the same is learned only once."""
    given = crowd.attacked(everybody, crowd.SIX.get(attack))
    if attack == "absent":
        given = [c for c in given if not c.malicious]
    data = work / "frozen" / f"{attack}-{'trust' if trusting else 'all'}"
    sizes, unmended = freeze(data, given, photos, trusting=trusting)
    depends = [manifest.digest(data), weights.inspect(base).sha256, *FINE_TUNE, str(seed)]
    folder = work / "runs" / hashlib.sha256("\n".join(depends).encode()).hexdigest()[:16]
    if not (folder / "data").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").symlink_to(data.resolve())
    return Run(attack, trusting, seed, folder, sizes, unmended)


def fine_tuned(run: Run, base: Path) -> dict[str, Any]:
    """evaluation.json of the run, which is trained if it was not yet."""
    made = run.folder / "out" / "evaluation.json"
    if not made.exists():
        options = ["--data", run.folder / "data", "--base", base, "--out", run.folder / "out", "--resume"]
        command = [sys.executable, "-m", "training", "fine-tune", *options, *FINE_TUNE, "--seed", str(run.seed)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return dict(json.loads(made.read_bytes()))


def cost(one: list[Scores], other: list[Scores], part: str) -> tuple[float, float, float]:
    """How many points less `other` has than `one`, each the mean over its trainings.

    With the 95 % interval of a bootstrap that draws the pictures again, and of each the trainings.
    """
    mine, theirs = (100 * np.array([part_of(scores, part) for scores in many]) for many in (one, other))
    random = np.random.default_rng(0)

    def again(scores: np.ndarray) -> np.ndarray:
        return scores[random.integers(0, len(scores), len(scores))].mean(0)

    count = mine.shape[1]
    drawn = [(again(mine) - again(theirs))[random.integers(0, count, count)].mean() for _ in range(4000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(mine.mean() - theirs.mean()), float(low), float(high)


def part_of(scores: Scores, part: str) -> list[float]:
    """The photographs of one set, or of all: what is served is judged by their mean."""
    return [iou for name in SETS for iou in scores[name]] if part == ALL else scores[part]


def judged(other: str, part: str) -> bool:
    """Whether the bar is asked of this comparison: with before of each set, with their absence of all photographs."""
    return other == "before" or (other == "absent" and part == ALL)


def words(values: str, fallback: str) -> list[str]:
    return os.environ.get(values, fallback).split(",")


@pytest.mark.bars
@pytest.mark.timeout(0)
@pytest.mark.skipif(not crowd.SHARED.is_dir(), reason="The photographs of ../shared/data are not here.")
def test_six_attacks_do_not_make_what_is_served_worse(tmp_path, capsys):
    began = time.monotonic()
    torch.set_num_threads(1)
    work = Path(os.environ.get("POISONING_WORK") or tmp_path)
    base, champion, photographs = crowd.failing_champion(work)
    everybody = crowd.crowd(photographs, EACH, 0)
    corrected = {c.picture.name for c in everybody}
    judge = Judge(photographs, corrected)
    before = judge(base, work / f"{champion.sha256[:12]}.json")
    free = [name for name in photographs.names if name not in corrected and not name.startswith(crowd.PETS)]
    photos = [crowd.by_day(name) for name in free[-UNCORRECTED:]]
    wanted = words("POISONING_ATTACKS", ",".join([*WITHOUT, *crowd.SIX]))
    modes = [word == "yes" for word in words("POISONING_TRUST", "yes")]
    seeds = [int(word) for word in words("POISONING_SEEDS", "0,1,2")]

    stands = {
        name: crowd.standing(suspicion.judge([c.evidence for c in crowd.attacked(everybody, attack)]))
        for name, attack in crowd.SIX.items()
        if name in wanted
    }
    runs = [
        scenario(work, base, everybody, photos, name, trusting, seed)
        for seed in seeds
        for trusting in modes
        for name in wanted
    ]

    def learn(run: Run) -> tuple[dict[str, Any], Scores]:
        return fine_tuned(run, base), judge(run.folder / "out" / "weights", run.folder / "scores.json")

    def say(*lines: object) -> None:
        with capsys.disabled():
            print(*lines, flush=True)

    say(f"champion: {', '.join(f'{name} {100 * np.mean(before[name]):.2f}' for name in SETS)}")
    say(
        "| attack | trust asked | seed | train, of the malicious | held out, of the malicious | honest left out | "
        "places | AUC | held-out gain | gate | challenger − champion: ECSSD | pets by night | others by night |\n|"
        + " --- |"
        * 13
    )
    served: dict[tuple[str, bool], list[Scores]] = {(name, mode): [] for mode in modes for name in wanted}
    promoted: dict[tuple[str, bool, int], bool] = {}
    unique = {run.folder: run for run in runs}
    with ThreadPoolExecutor(int(os.environ.get("POISONING_AT_ONCE", "2"))) as pool:
        made = {folder: pool.submit(learn, run) for folder, run in unique.items()}
        for run in runs:
            evaluation, after = made[run.folder].result()
            facts = gate.Facts(deployed=champion.sha256, accepted=run.unmended)
            verdict = gate.decide(evaluation, facts, gate.Rules())
            promoted[run.attack, run.trusting, run.seed] = verdict.passed
            served[run.attack, run.trusting].append(after if verdict.passed else before)
            places, auc = stands.get(run.attack, ([], np.nan))
            size = run.sizes
            gained = [f"{-cost([before], [after], name)[0]:+.2f}" for name in SETS]
            heldout = 100 * (evaluation["challenger"]["mean_iou"] - evaluation["champion"]["mean_iou"])
            say(
                f"| {run.attack} | {'yes' if run.trusting else 'no'} | {run.seed} | {size['train']}, "
                f"{size['bad train']} | {size['holdout']}, {size['bad holdout']} | {size['honest out']} | "
                f"{', '.join(map(str, places)) or '–'} | {auc:.3f} | {heldout:+.2f} | "
                f"{'promoted' if verdict.passed else 'refused: ' + verdict.reason} | {' | '.join(gained)} |"
            )

    say(
        f"\nmean over {len(seeds)} trainings (95 %)\n| attack | trust asked | set | served falls | less than if they "
        "were honest | than if they were absent | ≤ 0.2 |\n|" + " --- |" * 7
    )
    falls: dict[tuple[str, str, str], float] = {}
    for (name, trusting), many in served.items():
        others = {"before": [before]} | {other: served[other, trusting] for other in WITHOUT if other in wanted}
        for part in (ALL, *SETS):
            costs = {other: cost(scores, many, part) for other, scores in others.items()}
            told = [f"{mean:+.2f} ({low:+.2f} to {high:+.2f})" for mean, low, high in costs.values()]
            met = [f"{other} {'met' if one[0] <= 100 * FALL else 'not met'}" for other, one in costs.items()]
            say(f"| {name} | {'yes' if trusting else 'no'} | {part} | {' | '.join(told)} | {', '.join(met)} |")
            if trusting:
                falls |= {(name, other, part): one[0] for other, one in costs.items()}
    say("\nbar | measured | met / not met")
    for name, (places, auc) in stands.items():
        told = "met" if max(places) <= crowd.PEOPLE // 10 else "not met"
        say(f"{name}: both in the lowest tenth of the trust list | {places} of {crowd.PEOPLE}, AUC {auc:.3f} | {told}")
    say(f"{time.monotonic() - began:.0f} s")
    honest = [passed for (name, trusting, _), passed in promoted.items() if name == "nobody" and trusting]
    assert all(honest), "While nobody is malicious nothing is promoted: then nothing is shown."
    assert all(fall <= 100 * FALL for (_, other, part), fall in falls.items() if judged(other, part))
    assert all(max(places) <= crowd.PEOPLE // 10 for places, _ in stands.values())
