"""How often the gate lets through weights that are better by a point, and weights that were merely trained again.

Simulated on real scores: docs/benchmarks/gate-scores*.json hold photos' IoU and boundary F by the starter, by four
fine-tunings that differ in their seed alone, and by the means of each with the starter (tests/benchmarks/bench_gate.py
measures them). A simulated challenge draws photos, takes two of these weights as champion and challenger, and moves the
mean difference to the gain wanted: the noise is that of training.
"""

import collections
import functools
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from stickersnap.releases.gate import bootstrap
from stickersnap.releases.gate.gate import ERROR, Facts, Rules, decide

SCORES = Path(__file__).parents[4] / "docs" / "benchmarks"
SETS = {
    "tuned on": ("gate-scores.json", "ecssd"),
    "fresh seeds": ("gate-scores-fresh.json", "ecssd"),
    "fresh seeds and photos": ("gate-scores-fresh.json", "train"),
}
"""By name: which file, which photos of it. The gate's rules were tuned on the first alone."""
PAIRS = {
    "other seed, all the way": ("seed", "seed"),
    "other seed, half-way": ("half", "half"),
    "half-way from the champion": ("starter", "half"),
}
"""Champion and challenger by how their names in the files begin."""
POWER = {0.01: (20, 60, 100, 250, 500), 0.02: (20, 60, 100, 250, 500), 0.05: (20, 60, 100, 250)}
SHAPES = {"normal": lambda r, n: r.normal(size=n), "rare losses": lambda r, n: 1 - r.exponential(size=n)}
TRIALS, TRIALS_OF_POWER = 1000, 200
NEAR = 0.001
PLACES = 10_000
"""What a score of 1 is in the files: they hold whole numbers."""


@dataclass(frozen=True)
class Photos:
    """Each photo's slices, and its scores by each of the weights."""

    weights: list[str]
    slices: list[list[str]]
    scores: dict[str, np.ndarray]

    def pairs(self, players):
        """Places of all champions and challengers of that kind."""
        first, second = PAIRS[players]
        both = itertools.permutations(enumerate(self.weights), 2)
        return [(i, j) for (i, old), (j, new) in both if old.startswith(first) and new.startswith(second)]


@functools.cache
def photos_of(name):
    file, part = SETS[name]
    listed = json.loads((SCORES / file).read_text())
    lines = listed["photos"][part]
    scores = {score: np.array([line[score] for line in lines]) / PLACES for score in ("iou", "boundary_f")}
    return Photos(listed["weights"], [[listed["slices"][place] for place in line["slices"]] for line in lines], scores)


@pytest.fixture(autouse=True)
def remembered(monkeypatch):
    """What each resample draws depends on nothing but the number of groups: thousands of decisions share it."""
    monkeypatch.setattr(bootstrap, "drawn", functools.lru_cache(200)(bootstrap.drawn))


def moved(old, new, gain, who):
    """`new`, moved for the photos in `who` by as much as makes the mean over all photos `gain` above `old`, in 0..1."""
    low, high = -1.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if ((new + middle * who).clip(0, 1) - old).mean() < gain else (low, middle)
    return (new + low * who).clip(0, 1)


def challenge(photos, random, groups, gain, players, kind="every photo"):
    """An evaluation on `groups` photos drawn with replacement, whose true mean gain is `gain` in IoU and boundary F.

    The gain is every photo's, or that of the fifth that the champion cuts worst; None leaves the weights as they are.
    """
    champion, challenger = random.choice(photos.pairs(players))
    drawn = random.integers(0, len(photos.slices), groups)
    worst = photos.scores["iou"][:, champion] <= np.quantile(photos.scores["iou"][:, champion], 0.2)
    who = worst.astype(float) if kind == "a failing kind" else np.ones(len(worst))
    columns = {}
    for score, table in photos.scores.items():
        old, new = table[:, champion], table[:, challenger]
        if gain is not None:
            centred = moved(old, new, 0.0, np.ones(len(old)))
            new = moved(old, centred, gain, who)
        columns |= {f"champion_{score}": old[drawn].tolist(), f"challenger_{score}": new[drawn].tolist()}
    return evaluation(columns, [photos.slices[place] for place in drawn])


def evaluation(columns, slices):
    images = [
        {"image_sha256": str(place), "group": f"{place:04}", "slices": names, **dict(zip(columns, line, strict=True))}
        for place, (names, *line) in enumerate(zip(slices, *columns.values(), strict=True))
    ]
    players = {"champion": {"sha256": "a", "latency_ms": 20.0}, "challenger": {"sha256": "b", "latency_ms": 20.0}}
    return {**players, "images": images, "heldout": len(images)}


def low_ends(challenges):
    """About the lower end of each one's capped gain, as the gate computes it, for many of one size: in float32."""
    gains = np.array([[i["challenger_iou"] - i["champion_iou"] for i in one["images"]] for one in challenges])
    gains = np.hstack([gains, np.full((len(gains), 1), -Rules.unseen)]).clip(-Rules.cap, Rules.cap)
    count, mean = gains.shape[1], gains.mean(axis=1)
    error = gains.std(axis=1, ddof=1) / np.sqrt(count)
    off = (gains - mean[:, None]).T.astype(np.float32)
    counts = bootstrap.drawn(count, Rules.seed).astype(np.float32)
    shift = counts @ off / count
    spread = np.sqrt(np.maximum(counts @ off**2 / count - shift**2, 0) / (count - 1))
    students = shift / np.maximum(spread, bootstrap.LEAST_SPREAD * error)
    return mean - np.quantile(students, 1 - ERROR, axis=0, method="higher") * error


def judged(challenges):
    """How many of the challenges pass, of how many, and what refused the others, by its first words.

    Those whose gain is far from certain are refused without being played: the gate would say "No certain gain".
    """
    passed, trials, refusals = 0, 0, collections.Counter()
    while batch := list(itertools.islice(challenges, 100)):
        trials += len(batch)
        for challenge, low in zip(batch, low_ends(batch), strict=True):
            verdict = decide(challenge, Facts("a"), Rules()) if low > -NEAR else None
            passed += verdict is not None and verdict.passed
            if not (verdict and verdict.passed):
                refusals[" ".join(verdict.reason.split()[:2]) if verdict else "No certain"] += 1
    return passed, trials, dict(refusals)


def simulated(name, groups, gain, players, trials, kind="every photo"):
    photos = photos_of(name)
    random = np.random.default_rng([groups, round(1000 * (gain or 0)), len(players), len(kind), gain is None])
    return judged(challenge(photos, random, groups, gain, players, kind) for _ in range(trials))


def shaped(shape, groups, trials):
    """Challengers without a gain, whose gains have a known shape and a spread of three points."""
    random = np.random.default_rng([groups, len(shape)])
    for _ in range(trials):
        new = (0.7 + 0.03 * SHAPES[shape](random, groups)).clip(0, 1).tolist()
        flat = [0.7] * groups
        columns = {"champion_iou": flat, "challenger_iou": new}
        yield evaluation({**columns, "champion_boundary_f": flat, "challenger_boundary_f": flat}, [[]] * groups)


def at_most(passed, trials):
    """Upper end of the one-sided 95 % interval of a share (Clopper & Pearson 1934)."""
    return float(beta.ppf(0.95, passed + 1, trials - passed)) if passed < trials else 1.0


def told(bar, where, passed, trials, limit):
    """Prints `bar | where | measured | met / not met`; whether it is met."""
    share = f"{passed} of {trials}, at most {100 * at_most(passed, trials):.2f} % with 95 % confidence"
    met = passed <= limit * trials
    print(f"{bar} | {where} | {share} | {'met' if met else 'not met'}", flush=True)
    return met


@pytest.mark.parametrize("name", SETS)
def test_training_again_to_no_effect_is_not_promoted(name):
    assert simulated(name, 40, 0.0, "other seed, all the way", 40)[0] <= 2


@pytest.mark.parametrize("name", SETS)
def test_a_gain_of_five_points_is_seen_on_a_hundred_photos(name):
    assert simulated(name, 100, 0.05, "half-way from the champion", 10)[0] >= 8


def test_the_same_weights_are_refused_whatever_they_score():
    same = challenge(photos_of("tuned on"), np.random.default_rng(0), 60, 0.05, "half-way from the champion")
    same["challenger"]["sha256"] = "a"
    assert "champion itself" in decide(same, Facts("a"), Rules()).reason
    for image in same["images"]:
        image |= {f"challenger_{score}": image[f"champion_{score}"] for score in ("iou", "boundary_f")}
    same["challenger"]["sha256"] = "b"
    assert "No certain gain" in decide(same, Facts("a"), Rules()).reason


def test_who_is_not_played_would_be_refused():
    photos, players = photos_of("tuned on"), "other seed, all the way"
    challenges = [challenge(photos, np.random.default_rng(n), 60, 0.02, players) for n in range(8)]
    verdicts = [decide(one, Facts("a"), Rules()) for one in challenges]
    exact = [verdict.evidence["capped_gain_low"] for verdict in verdicts]
    assert low_ends(challenges) == pytest.approx(exact, abs=NEAR / 10)
    assert not any(verdict.passed for verdict, low in zip(verdicts, exact, strict=True) if low <= 0)


@pytest.mark.bars
@pytest.mark.parametrize("name", SETS)
def test_the_same_again_is_not_promoted(name):
    """Prints `bar | where | measured | met / not met` for weights that gain nothing, or whatever another seed gives."""
    met = []
    for gain, what in ((0.0, "without a gain"), (None, "as the other seed made it")):
        for players in PAIRS if gain is not None else list(PAIRS)[:2]:
            for groups in (20, 60, 250):
                passed, of, _ = simulated(name, groups, gain, players, TRIALS)
                where = f"{name}, {players}, {what}, {groups} groups"
                met.append(told("the same again promoted <= 1 %", where, passed, of, 0.01))
    assert all(met)


@pytest.mark.bars
@pytest.mark.parametrize("shape", SHAPES)
def test_noise_of_any_shape_is_not_promoted(shape):
    met = []
    for groups in (20, 60, 250):
        passed, of, _ = judged(shaped(shape, groups, TRIALS))
        met.append(told("no gain promoted <= 1 %", f"{shape}, {groups} groups", passed, of, 0.01))
    assert all(met)


@pytest.mark.bars
@pytest.mark.parametrize("name", SETS)
def test_real_gains_are_promoted(name):
    """Prints the power table of docs/gate.md, and from how many groups on the bar is met."""
    ways = ("other seed, all the way", "half-way from the champion")
    rows = [(gain, players, "every photo") for gain in POWER for players in ways]
    rows += [(0.01, players, "a failing kind") for players in ways]
    for gain, players, kind in rows:
        shares = {}
        for groups in POWER[gain]:
            passed, of, refusals = simulated(name, groups, gain, players, TRIALS_OF_POWER, kind)
            shares[groups] = passed / of
            print(f"  {100 * gain:g} points, {kind}, {players}, {groups} groups: {passed} {refusals}", flush=True)
        line = " | ".join(f"{100 * share:.0f} %" for share in shares.values())
        print(f"| {name} | {100 * gain:g} points, {kind} | {players} | {line} |", flush=True)
        if gain == 0.01:
            enough = [groups for groups, share in shares.items() if share >= 0.95]
            where = f"{name}, {kind}, {players}: " + (f"from {enough[0]} groups on" if enough else "at no size tried")
            best = f"{100 * max(shares.values()):.1f} %"
            print(f"a real gain of a point promoted >= 95 % | {where} | {best} | {'met' if enough else 'not met'}")
    assert simulated(name, 250, 0.05, "half-way from the champion", TRIALS_OF_POWER)[0] >= 0.95 * TRIALS_OF_POWER
