"""A thousand challengers that must never serve, through the whole decision: real scores, real files, real PostgreSQL.

The pictures are those of `pairs` (see conftest.py); the champion is the shipped starter, and its masks are real. A
challenger is what the name of its kind says; its scores are measured on its masks.
"""

import collections
import json
import math
import shutil

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from scipy import ndimage

from annotations.models import DatasetItem
from segmentation import saving
from segmentation import weights as sets
from stickersnap.releases import selectors, services, signing
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import Benchmark, Deployment, PromotionDecision
from training.evaluation.evaluate import compare
from training.evaluation.metrics import boundary_f, iou
from training.evaluation.slices import slices_of

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def alphas(pairs, starter):
    return [starter.predict(pair.rgb).alpha for pair in pairs]


def moved(random, mask):
    distance = max(4, int(random.uniform(0.08, 0.3) * min(mask.shape)))
    return np.roll(mask, random.choice([-1, 1]) * distance, axis=int(random.integers(2)))


def grown(random, mask):
    return ndimage.grey_dilation(mask, int(random.integers(9, 25)))


def shrunk(random, mask):
    return ndimage.grey_erosion(mask, int(random.integers(9, 25)))


MASKS = {
    "inverted masks": lambda random, mask: 255 - mask,
    "shifted masks": moved,
    "dilated masks": grown,
    "eroded masks": shrunk,
    "empty masks": lambda random, mask: np.zeros_like(mask),
    "full masks": lambda random, mask: np.full_like(mask, 255),
}


class Trial:
    """One challenger: a run that has trained, and an evaluation that is about to be spoilt."""

    def __init__(self, run, pairs, alphas, random):
        self.run, self.random = run, random
        self.folder = services.run_folder(run)
        self.path = self.folder / "evaluation.json"
        self.evaluation = json.loads(self.path.read_text())
        items = DatasetItem.objects.filter(dataset=run.dataset).order_by("image_sha256")
        self.groups = [str(item.group) for item in items]
        self.pairs, self.alphas = pairs, alphas
        self.evaluation["images"] = self.scored(alphas)

    def scored(self, challenger):
        """Each picture's true scores by the champion's masks and these."""
        lines = []
        for place, (pair, old, new) in enumerate(zip(self.pairs, self.alphas, challenger, strict=True)):
            line = {"image_sha256": self.evaluation["images"][place]["image_sha256"], "group": self.groups[place]}
            line["slices"] = slices_of(pair.mask, pair.source, pair.rgb)
            for name, alpha in (("champion", old), ("challenger", new)):
                line |= {f"{name}_iou": iou(alpha, pair.mask), f"{name}_boundary_f": boundary_f(alpha, pair.mask)}
            lines.append(line)
        return lines

    def gain(self, gains):
        """Scores that change by these: the champion's own, moved."""
        for line, gain in zip(self.evaluation["images"], np.broadcast_to(gains, len(self.pairs)), strict=True):
            line["champion_iou"] = min(line["champion_iou"], 0.8)
            line["challenger_iou"] = float(np.clip(line["champion_iou"] + gain, 0, 1))
            line["challenger_boundary_f"] = line["champion_boundary_f"]

    def write(self):
        self.path.write_text(json.dumps(self.evaluation))

    def decide(self):
        self.write()
        return services.promotion_decide(run=self.run, by="mallory")


def masks(name):
    def play(trial):
        trial.evaluation["images"] = trial.scored([MASKS[name](trial.random, alpha) for alpha in trial.alphas])
        trial.decide()

    return play


def network(name):
    def play(trial):
        if name not in REAL:  # measured once: the network is the same each time
            REAL[name] = [trial.networks[name].predict(pair.rgb).alpha for pair in trial.pairs]
        trial.evaluation["images"] = trial.scored(REAL[name])
        trial.decide()

    return play


REAL: dict = {}


def nan_weights(trial):
    loaded = sets.load(trial.folder / "weights")
    next(loaded.network.parameters()).data.fill_(math.nan)
    shutil.rmtree(trial.folder / "weights")
    card = {"network": loaded.card["network"], "size": loaded.card["size"]}
    saving.save(trial.folder / "weights", loaded.network, card)
    trial.gain(0.1)
    trial.decide()


def nan_scores(trial):
    trial.gain(0.1)
    score = trial.random.choice([math.nan, math.inf, -0.1, 1.5])
    trial.random.choice(trial.evaluation["images"])["challenger_iou"] = float(score)
    trial.decide()


def overfit(trial):
    """Better on what it was trained on, worse on what was held out."""
    trial.gain(trial.random.normal(-0.03, 0.04, len(trial.pairs)))
    trial.decide()


def judged_on_training(trial):
    trial.gain(0.2)
    for line in trial.evaluation["images"]:
        line["image_sha256"] = f"{trial.random.integers(2**60):064x}"
    trial.decide()


def one_slice_worse(trial):
    gains = trial.random.normal(0.15, 0.01, len(trial.pairs))
    gains[:10] = trial.random.normal(-0.05, 0.01, 10)
    trial.gain(gains)
    for place, line in enumerate(trial.evaluation["images"]):
        line["slices"] = ["source: cats at night" if place < 10 else "source: cats"]
    trial.decide()


def one_photo_ruined(trial):
    trial.gain(0.15)
    line = trial.random.choice(trial.evaluation["images"])
    line["champion_iou"], line["challenger_iou"] = 0.97, float(trial.random.uniform(0.78, 0.84))
    trial.decide()


def worse_edges(trial):
    trial.gain(0.05)
    for line in trial.evaluation["images"]:
        line["challenger_boundary_f"] = max(0.0, line["champion_boundary_f"] - 0.03)
    trial.decide()


def one_group_many_times(trial):
    """Near-duplicates of one photo that gained, told apart in the evaluation."""
    gains = np.full(len(trial.pairs), -0.01)
    gains[0] = 0.15
    trial.gain(gains)
    trial.evaluation["images"] = [trial.evaluation["images"][0]] * len(trial.pairs)
    trial.decide()


def truncated(trial):
    trial.gain(0.1)
    file = trial.folder / "weights" / sets.WEIGHTS
    data = file.read_bytes()
    file.write_bytes(data[: int(trial.random.integers(1, len(data)))])
    trial.decide()


def evaluation_cut(trial):
    trial.gain(0.1)
    trial.write()
    data = trial.path.read_bytes()
    trial.path.write_bytes(data[: int(trial.random.integers(1, len(data) - 2))])
    services.promotion_decide(run=trial.run, by="mallory")


def the_champion_itself(trial):
    trial.gain(0.1)
    shutil.rmtree(trial.folder / "weights")
    shutil.copytree(services.weights_folder(trial.run.champion_id), trial.folder / "weights")
    trial.evaluation["challenger"]["sha256"] = trial.run.champion_id
    trial.decide()


def under_another_name(trial):
    trial.gain(0.1)
    trial.evaluation["challenger"]["sha256"] = "c" * 64
    trial.decide()


def of_another_dataset(trial):
    trial.gain(0.1)
    trial.evaluation["dataset_digest"] = "d" * 64
    trial.decide()


def slow(trial):
    trial.gain(0.1)
    trial.evaluation["challenger"]["latency_ms"] = float(trial.random.uniform(31, 300))
    trial.decide()


def worse_on_a_benchmark(trial):
    trial.gain(0.1)
    pictures = json.loads(json.dumps(trial.evaluation["images"]))
    for line in pictures:
        line["challenger_iou"] = line["champion_iou"] + float(trial.random.normal(-0.03, 0.01))
    benchmark = Benchmark.objects.create(name="pets", digest="e" * 64, pictures=len(pictures), by="olga")
    if trial.random.random() < 0.7:
        trial.evaluation["benchmarks"] = {"pets": {"digest": "e" * 64, "images": pictures}}
    try:
        trial.decide()
    finally:
        benchmark.delete()


def stale_token(trial):
    """Taken for dead, another took the run up, and it comes back with a good challenger."""
    trial.gain(0.1)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE releases_trainingrun SET token = nextval('releases_run_token') WHERE id = %s", [trial.run.pk]
        )
    trial.decide()


def stale_champion(trial):
    trial.gain(0.1)
    trial.evaluation["champion"]["sha256"] = "c" * 64
    trial.decide()


def unsigned(trial):
    """Straight into the database, with what looks like a signature."""
    weights = services.weights_register(folder=trial.folder / "weights")
    signature = trial.random.choice(["", "0" * 64, selectors.deployment_current().decision.signature])
    decision = PromotionDecision.objects.create(
        kind="operator",
        champion=trial.run.champion,
        challenger=weights,
        passed=True,
        reason="x",
        by="x",
        evidence={"self_test": {}},
        signature=signature,
    )
    Deployment.objects.create(weights=weights, decision=decision, by="mallory")


KINDS = {
    **{name: masks(name) for name in MASKS},
    **{name: network(name) for name in ("swapped channels", "inverted weights", "noisy weights")},
    "NaN in the weights": nan_weights,
    "NaN in the scores": nan_scores,
    "overfit": overfit,
    "judged on training photos": judged_on_training,
    "one slice worse": one_slice_worse,
    "one photo ruined": one_photo_ruined,
    "worse edges": worse_edges,
    "one group many times": one_group_many_times,
    "truncated weights": truncated,
    "truncated evaluation": evaluation_cut,
    "the champion itself": the_champion_itself,
    "under another name": under_another_name,
    "of another dataset": of_another_dataset,
    "too slow": slow,
    "worse on a benchmark": worse_on_a_benchmark,
    "stale fencing token": stale_token,
    "stale champion": stale_champion,
    "unsigned": unsigned,
}


def serves_challenger(starter_weights):
    """Whether a server would serve anything but the starter: a deployment counts if its decision is signed."""
    current = selectors.deployment_current()
    return current.weights_id != starter_weights and signing.verifies(current.decision)


@pytest.fixture
def play(finished_run, pairs, alphas, spoilt_networks):
    """Plays so many challengers, all kinds in turn; (how many of each kind got through, how each kind was refused)."""

    def play(count):
        weights = services.starter_deploy().weights_id
        through, told = collections.Counter(), {}
        for number in range(count):
            kind = list(KINDS)[number % len(KINDS)]
            mark = transaction.savepoint()
            trial = Trial(finished_run(seed=1, heldout=len(pairs)), pairs, alphas, np.random.default_rng(number))
            trial.networks = spoilt_networks
            try:
                with transaction.atomic():
                    KINDS[kind](trial)
                decision = PromotionDecision.objects.first()
                told[kind] = decision.reason if decision.challenger_id != weights or decision.run else "signature"
            except (ReleaseError, sets.WeightsError, IntegrityError) as error:
                told[kind] = str(error).splitlines()[0]
            through[kind] += serves_challenger(weights)
            transaction.savepoint_rollback(mark)
            shutil.rmtree(trial.folder)
            if number % 100 == 99:
                print(f"{number + 1} played, {sum(through.values())} promoted", flush=True)
        return through, told

    return play


def test_no_kind_of_bad_challenger_gets_through(play):
    through, told = play(len(KINDS))
    assert sum(through.values()) == 0, through
    assert set(told) == set(KINDS)
    assert "Worse for source: cats at night" in told["one slice worse"]
    assert "Once cut rightly, no longer" in told["one photo ruined"]
    assert "NaN" in told["NaN in the weights"] or "finite" in told["NaN in the weights"]


def test_the_same_road_promotes_what_is_better(finished_run, pairs, alphas):
    services.starter_deploy()
    trial = Trial(finished_run(heldout=len(pairs)), pairs, alphas, np.random.default_rng(0))
    trial.gain(np.random.default_rng(0).normal(0.05, 0.02, len(pairs)))
    decision = trial.decide()
    assert decision.passed, decision.reason


def test_spoilt_networks_are_judged_as_training_judges_them(pairs, starter, spoilt_networks):
    judged = compare(starter, spoilt_networks["noisy weights"], pairs[:4])
    assert judged["challenger"]["mean_iou"] < judged["champion"]["mean_iou"]


@pytest.mark.bars
def test_a_thousand_bad_challengers(play):
    """Prints `bar | measured | met / not met`."""
    through, told = play(1000)
    for kind in KINDS:
        print(f"{kind} | {through[kind]} promoted | {told[kind][:100]}")
    count = sum(through.values())
    print(f"1,000 adversarial challengers: 0 promoted | {count} | {'met' if count == 0 else 'not met'}")
    assert count == 0
