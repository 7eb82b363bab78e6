"""How often the gate lets through weights that are better by a point, and weights that were merely trained again.

Simulated on real scores: docs/benchmarks/gate-scores.json holds each ECSSD photo's IoU and boundary F by the starter,
by four fine-tunings that differ in their seed alone, and by the mean of two of them with the starter
(tests/benchmarks/bench_gate.py measures them). A simulated challenge draws photos, takes two of the fine-tunings as
champion and challenger, and moves the mean difference to the gain wanted: the noise is that of training.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from stickersnap.releases.gate import Facts, Rules, decide

SCORES = Path(__file__).parents[3] / "docs" / "benchmarks" / "gate-scores.json"
TUNED, HALVES = range(1, 5), (0, 5, 6)


@pytest.fixture(scope="module")
def photos():
    return json.loads(SCORES.read_text())["photos"]


def challenge(photos, random, groups, gain, players):
    """An evaluation on `groups` photos drawn with replacement, whose true mean gain is `gain` in IoU and boundary F."""
    champion, challenger = random.choice(players, 2, replace=False)
    scores = {name: np.array([photo[name] for photo in photos]) for name in ("iou", "boundary_f")}
    drawn = random.integers(0, len(photos), groups)
    columns = {}
    for name, table in scores.items():
        old, new = table[:, champion], table[:, challenger]
        columns[name] = old[drawn], (new - (new - old).mean() + gain)[drawn].clip(0, 1)
    images = [
        {
            "image_sha256": str(place),
            "group": str(place),
            "slices": photos[index]["slices"],
            "champion_iou": float(columns["iou"][0][place]),
            "challenger_iou": float(columns["iou"][1][place]),
            "champion_boundary_f": float(columns["boundary_f"][0][place]),
            "challenger_boundary_f": float(columns["boundary_f"][1][place]),
        }
        for place, index in enumerate(drawn)
    ]
    players = {"champion": {"sha256": "a", "latency_ms": 20.0}, "challenger": {"sha256": "b", "latency_ms": 20.0}}
    return {**players, "images": images, "heldout": groups}


def promoted(photos, groups, gain, trials, players, seed=0):
    """The share of simulated challenges that pass, and what refused the others, by its first words."""
    random, passed, refusals = np.random.default_rng([seed, groups, int(1000 * gain)]), 0, {}
    for _ in range(trials):
        verdict = decide(challenge(photos, random, groups, gain, players), Facts("a"), Rules())
        passed += verdict.passed
        if not verdict.passed:
            words = " ".join(verdict.reason.split()[:2])
            refusals[words] = refusals.get(words, 0) + 1
    return passed / trials, refusals


def test_training_again_to_no_effect_is_not_promoted(photos):
    assert promoted(photos, 40, 0.0, 40, TUNED)[0] <= 0.05


def test_a_gain_of_five_points_is_seen_on_a_hundred_photos(photos):
    assert promoted(photos, 100, 0.05, 10, TUNED)[0] >= 0.8


@pytest.mark.bars
def test_the_bars_of_the_gate(photos):
    """Prints `bar | measured | met / not met`, and the power table of docs/gate.md."""
    lines = []
    for groups, trials in ((20, 600), (60, 400), (250, 100)):
        share, refusals = promoted(photos, groups, 0.0, trials, TUNED)
        lines.append(("the same again promoted <= 1 %", f"{groups} groups, {trials} trials", share, share <= 0.01))
        print(groups, refusals, flush=True)
    table = []
    for name, players in (("seeds alone", TUNED), ("halfway to the champion", HALVES)):
        for gain in (0.01, 0.02, 0.05):
            row = []
            for groups in (20, 60, 100, 250, 500, 800):
                share, refusals = promoted(photos, groups, gain, 20 if groups > 250 else 40, players)
                row.append(share)
                print(name, gain, groups, share, refusals, flush=True)
            table.append((name, gain, row))
    for name, gain, row in table:
        print(f"| {name} | {100 * gain:+.0f} | " + " | ".join(f"{100 * share:.0f} %" for share in row) + " |")
    best = max(row[-1] for name, gain, row in table if gain == 0.01)
    lines.append(("a real gain of a point promoted >= 95 %", "800 groups, halfway", best, best >= 0.95))
    for bar, where, share, met in lines:
        print(f"{bar} | {where} | {100 * share:.1f} % | {'met' if met else 'not met'}")
    assert all(met for bar, _, _, met in lines if bar.startswith("the same"))
