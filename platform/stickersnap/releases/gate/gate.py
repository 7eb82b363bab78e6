"""The promotion gate: does the challenger beat the champion, and harm nobody? Data in, verdict out.

The gain is the mean difference of IoU over held-out photos, challenger minus champion. It must stay above zero at the
lower end of a one-sided bootstrap-t interval, resampled by group, since near-duplicates are not independent (see
`bootstrap`); so must, with much more confidence, the gain in which no photo counts more than a cap, which is far less
noisy. The mean boundary F must stay above minus its margin like the mean of all gains. No slice (a source, a size, …)
and no imported benchmark may be worse than its margin, tested together by Holm's procedure. What a deployed model once
got right must stay right; a photo whose approved mask is the one that a network had shown, unmended, refuses nothing
alone, since that network is right there by definition. Network time and file size keep to a budget.

A held-out group that has been looked at often proves less: the chance of error that a decision may take falls with
the looks its groups have had (alpha spending; Foster & Stine 2008, J. R. Stat. Soc. B 70), and a group that had its
share of looks retires: it can still refuse a challenger, but no longer promote one (docs/gate.md).
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stickersnap.releases.gate.bootstrap import RESAMPLES, at_least, chance_of_no_harm, holm, lower_bound

VERSION = 6
"""Counted up whenever the same evaluation could get another verdict; kept with every decision."""
ERROR = 0.005
"""Chance that a challenger without a gain is promoted, by groups that were never looked at before.

Half of what is aimed at, since real gains have heavy tails (docs/gate.md).
"""
MEAN_ERROR = 0.05
"""The same where large losses that are too rare to be counted make up for a gain of all others, and for edges."""
SLICE_ERROR = 0.05
"""Chance, over all slices together, that a challenger is refused for a slice that is no worse than its margin."""
SCORES = ("champion_iou", "challenger_iou", "champion_boundary_f", "challenger_boundary_f")
Image = dict[str, Any]


@dataclass(frozen=True)
class Rules:
    """What a challenger must keep to. Margins are in the metric's own unit, 0..1.

    `cap` is how much a single photo counts, up or down, in the gain that must be certain at ERROR. `unseen` is what one
    imagined group more loses: rare large losses are missing from small samples, and a mean gain without them proves
    little (0: none is imagined). `picture_margin` is what a single photo may lose; losses above `leap` must not be
    more frequent than such gains. A photo cut at `right` or better must not fall below `right` - `right_margin`.
    docs/gate.md has the measurements.
    """

    heldout_minimum: int = 20
    boundary_margin: float = 0.005
    picture_margin: float = 0.6
    leap: float = 0.15
    cap: float = 0.15
    unseen: float = 0.15
    slice_margin: float = 0.01
    slice_minimum: int = 5
    benchmark_margin: float = 0.005
    right: float = 0.95
    right_margin: float = 0.1
    latency_factor: float = 1.5
    bytes_factor: float = 2.0
    looks: int = 20
    seed: int = 0


def rules_for(heldout_minimum: int) -> Rules:
    """The rules by the policy's minimum. Who asks for fewer groups than the default has given up the guarantee that
    rests on it, and no loss is imagined then: few groups could never outweigh it.
    """
    return Rules(heldout_minimum, unseen=Rules.unseen if heldout_minimum >= Rules.heldout_minimum else 0.0)


@dataclass(frozen=True)
class Facts:
    """What the service itself knows, and the evaluation need not be believed in.

    Attributes:
        deployed: sha256 of the weights that serve now.
        best_before: by image_sha256, the best IoU that any weights that ever served reached there.
        looks: by held-out group, how many decisions have judged by it before.
        accepted: image_sha256 of the held-out photos whose approved mask is what a network had shown: nobody mended it.
        benchmarks: digest by name of those that every challenger is to be judged on.
        sizes: bytes of the champion's and of the challenger's file.
        other_network: whether the run was asked for another network than the champion's: then it may be larger, slower.
    """

    deployed: str
    best_before: Mapping[str, float] = field(default_factory=dict)
    looks: Mapping[str, int] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    benchmarks: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[int, int] | None = None
    other_network: bool = False


@dataclass(frozen=True)
class Verdict:
    """`judged_by` are the held-out groups that the decision looked at to find a gain, or none."""

    passed: bool
    reason: str
    evidence: dict[str, Any]
    judged_by: frozenset[str] = frozenset()


class Refusal(Exception):
    """Why this challenger stays where it is."""


def code() -> str:
    """sha256 of the gate's own source, so that a decision tells which code spoke, to the letter."""
    here = Path(__file__)
    return hashlib.sha256(here.read_bytes() + here.with_name("bootstrap.py").read_bytes()).hexdigest()


def decide(evaluation: dict[str, Any], facts: Facts, rules: Rules) -> Verdict:
    """The verdict on an evaluation.json (see `training.evaluation.evaluate.examine`), with all the evidence for it."""
    evidence: dict[str, Any] = {
        "gate": VERSION,
        "code": code(),
        "rules": vars(rules),
        "resamples": RESAMPLES,
    }
    judged_by: frozenset[str] = frozenset()
    try:
        _refuse_wrong_pair(evaluation, facts.deployed)
        images = _images(evaluation.get("images"), "held-out photo")
        benchmarks = _benchmarks(evaluation, facts)
        proving = [image for image in images if not retired(str(image["group"]), facts.looks, rules.looks)]
        error = allowed_error(proving, facts.looks)
        evidence |= {"images": images, "heldout": len(images), "benchmarks": benchmarks}
        mean_error = error * MEAN_ERROR / ERROR
        evidence |= {"confidence": 1 - error, "mean_confidence": 1 - mean_error, "boundary_confidence": 1 - mean_error}
        evidence["retired"] = len(images) - len(proving)
        _refuse_thin_evidence(proving, evidence["retired"], rules)
        judged_by = frozenset(str(image["group"]) for image in proving)
        evidence |= _figures(proving, rules, error)
        mended = [image for image in images if image["image_sha256"] not in facts.accepted]
        evidence["accepted"] = sorted(facts.accepted & {image["image_sha256"] for image in images})
        evidence["worst"] = _worst(mended)
        evidence |= _harm(images, benchmarks, rules)
        evidence["forgotten"] = _forgotten(mended, facts.best_before, rules)
        evidence["budget"] = _budget(evaluation, facts)
        _refuse_harm(evidence, rules)
        _refuse_over_budget(evidence["budget"], rules)
    except Refusal as refusal:
        return Verdict(False, str(refusal), _storable({**_summaries(evaluation), **evidence}), judged_by)
    reason = (
        f"Mean IoU on {len(proving)} held-out photos: {100 * evidence['gain']:+.2f} points, at least "
        f"{100 * evidence['gain_low']:+.2f} with {100 * evidence['mean_confidence']:.4g} % confidence; "
        f"{100 * evidence['capped_gain']:+.2f} where no photo counts more than {100 * rules.cap:g} points, at least "
        f"{100 * evidence['capped_gain_low']:+.2f} with {100 * evidence['confidence']:.4g} %."
    )
    return Verdict(True, reason, _storable({**_summaries(evaluation), **evidence}), judged_by)


def retired(group: str, looks: Mapping[str, int], limit: int) -> bool:
    """Whether a group has been looked at too often to prove a gain.

    Each group's own limit lies from `limit` to twice that, by a stable hash, so that a holdout never retires whole.
    """
    spread = int(hashlib.sha256(f"retire {group}".encode()).hexdigest()[:8], 16) % max(1, limit)
    return looks.get(group, 0) >= limit + spread


def allowed_error(images: list[Image], looks: Mapping[str, int]) -> float:
    """ERROR over one more than the mean looks that the photos' groups have had."""
    groups = {str(image["group"]) for image in images}
    mean = sum(looks.get(group, 0) for group in groups) / len(groups) if groups else 0.0
    return ERROR / (1 + mean)


def _refuse_wrong_pair(evaluation: dict[str, Any], deployed: str) -> None:
    try:
        champion, challenger = evaluation["champion"]["sha256"], evaluation["challenger"]["sha256"]
    except (KeyError, TypeError) as error:
        raise Refusal("The evaluation does not say which weights it compared. Train again.") from error
    if champion == challenger:
        raise Refusal("The challenger is the champion itself: training changed nothing.")
    if champion != deployed:
        raise Refusal(
            f"Stale: compared with {str(champion)[:12]}, but {deployed[:12]} serves by now. Train again from there."
        )


def _images(images: Any, what: str) -> list[Image]:
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise Refusal(f"The evaluation has no list of {what}s. Train again.")
    for image in images:
        for name in SCORES:
            score = image.get(name)
            if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
                raise Refusal(
                    f"{name} of {what} {str(image.get('image_sha256'))[:12]} is {score}, not a number from 0 to 1."
                )
        if not isinstance(image.get("group"), str) or not isinstance(image.get("image_sha256"), str):
            raise Refusal(f"The evaluation does not say which {what} is which. Train again.")
    if len({image["image_sha256"] for image in images}) != len(images):
        raise Refusal(f"A {what} is scored twice. Train again.")
    return images


def _benchmarks(evaluation: dict[str, Any], facts: Facts) -> dict[str, Any]:
    given = evaluation.get("benchmarks") or {}
    if not isinstance(given, dict) or not all(isinstance(entry, dict) for entry in given.values()):
        raise Refusal("What the evaluation says of benchmarks can't be read. Train again.")
    for name, digest in facts.benchmarks.items():
        if name not in given:
            raise Refusal(f"The challenger was not judged on the benchmark {name}. Train again.")
        if given[name].get("digest") != digest:
            raise Refusal(f"The benchmark {name} is not the one that was imported. Import it again, then train again.")
    return {
        name: {
            "digest": facts.benchmarks[name],
            "images": _images(given[name].get("images"), f"picture of the benchmark {name}"),
        }
        for name in facts.benchmarks
    }


def _refuse_thin_evidence(images: list[Image], retired_count: int, rules: Rules) -> None:
    groups = len({image["group"] for image in images})
    if groups < rules.heldout_minimum:
        worn = f" {retired_count} more have judged too often to prove a gain." if retired_count else ""
        raise Refusal(
            f"Too few held-out photos: {groups} (near-duplicates counted once), {rules.heldout_minimum} needed.{worn} "
            "Approve more corrections; about one photo in five is held out."
        )


def _figures(images: list[Image], rules: Rules, error: float) -> dict[str, Any]:
    gains, boundary_gains = _gains(images, "iou"), _gains(images, "boundary_f")
    groups, seed = _groups(images), rules.seed
    feared, feared_groups = (np.append(gains, -rules.unseen), [*groups, "unseen"]) if rules.unseen else (gains, groups)
    capped = feared.clip(-rules.cap, rules.cap)
    mean_error = error * MEAN_ERROR / ERROR
    return {
        "gain": float(gains.mean()),
        "gain_low": lower_bound(feared, feared_groups, seed, mean_error),
        "capped_gain": float(gains.clip(-rules.cap, rules.cap).mean()),
        "capped_gain_low": lower_bound(capped, feared_groups, seed, error),
        "boundary_gain": float(boundary_gains.mean()),
        "boundary_gain_low": lower_bound(boundary_gains, groups, seed, mean_error),
    }


def _gains(images: list[Image], score: str) -> NDArray[np.float64]:
    return np.array([image[f"challenger_{score}"] - image[f"champion_{score}"] for image in images], dtype=np.float64)


def _groups(images: list[Image]) -> list[str]:
    return [str(image["group"]) for image in images]


def _worst(images: list[Image]) -> dict[str, Any] | None:
    if not images:
        return None
    gains = _gains(images, "iou")
    place = int(gains.argmin())
    return {"image_sha256": images[place]["image_sha256"], "gain": float(gains[place])}


def _harm(images: list[Image], benchmarks: dict[str, Any], rules: Rules) -> dict[str, Any]:
    """`slices`: each slice and benchmark with enough groups, its mean gain and p of "no worse than the margin";
    `leaps`: the large losses. What is worse, of all of them together, by Holm's procedure.
    """
    named = {name: [image for image in images if name in _slice_names(image)] for name in _all_names(images)}
    families = [(name, members, "iou", rules.slice_margin) for name, members in sorted(named.items())]
    for name, entry in benchmarks.items():
        families.append((f"benchmark: {name}", entry["images"], "iou", rules.benchmark_margin))
        families.append((f"benchmark edges: {name}", entry["images"], "boundary_f", rules.benchmark_margin))
    tested: list[dict[str, Any]] = []
    for name, members, score, margin in families:
        if len(set(_groups(members))) < rules.slice_minimum:
            continue
        gains = _gains(members, score)
        p = chance_of_no_harm(gains, _groups(members), margin, rules.seed)
        line = {"name": name, "photos": len(members), "score": score, "margin": margin}
        tested.append({**line, "gain": float(gains.mean()), "p": p})
    tested.append(_leaps(images, rules))
    worse = holm([line["p"] for line in tested], SLICE_ERROR)
    *slices, leaps = [{**line, "worse": verdict} for line, verdict in zip(tested, worse, strict=True)]
    return {"slices": slices, "leaps": leaps}


def _leaps(images: list[Image], rules: Rules) -> dict[str, Any]:
    """Losses above the leap against gains above it: p of "no more losses than gains" by the sign test.

    Of each group the worst loss, or else the best gain, counts once.
    """
    by_group: dict[str, float] = {}
    for group, gain in zip(_groups(images), _gains(images, "iou"), strict=True):
        kept = by_group.get(group, 0.0)
        by_group[group] = min(kept, gain) if min(kept, gain) < -rules.leap else max(kept, gain)
    losses = sum(bool(gain < -rules.leap) for gain in by_group.values())
    gained = sum(bool(gain > rules.leap) for gain in by_group.values())
    return {"limit": rules.leap, "losses": losses, "gains": gained, "p": at_least(losses, losses + gained)}


def _all_names(images: list[Image]) -> set[str]:
    return {name for image in images for name in _slice_names(image)}


def _slice_names(image: Image) -> set[str]:
    named = image.get("slices")
    return {str(name) for name in named} if isinstance(named, list) else set()


def _forgotten(images: list[Image], best_before: Mapping[str, float], rules: Rules) -> list[dict[str, Any]]:
    """The photos that weights in service once got right and the challenger does not."""
    found = []
    for image in images:
        before = max(best_before.get(image["image_sha256"], 0.0), image["champion_iou"])
        if before >= rules.right and image["challenger_iou"] < rules.right - rules.right_margin:
            found.append({"image_sha256": image["image_sha256"], "before": before, "now": image["challenger_iou"]})
    return found


def _budget(evaluation: dict[str, Any], facts: Facts) -> dict[str, Any]:
    times = [evaluation[player].get("latency_ms") for player in ("champion", "challenger")]
    for taken in times:
        if isinstance(taken, bool) or not isinstance(taken, int | float) or not 0 < taken < math.inf:
            raise Refusal(f"The evaluation does not say how fast both are: {taken} ms. Train again.")
    return {"latency_ms": times, "bytes": list(facts.sizes or ()), "other_network": facts.other_network}


def _refuse_over_budget(budget: dict[str, Any], rules: Rules) -> None:
    if budget["other_network"]:
        return
    for values, factor, what in (
        (budget["latency_ms"], rules.latency_factor, "slow: {:.1f} ms a picture, the champion takes {:.1f}"),
        (budget["bytes"], rules.bytes_factor, "large: {:.0f} bytes, the champion has {:.0f}"),
    ):
        if values and values[1] > factor * values[0]:
            raise Refusal(f"Too {what.format(values[1], values[0])}; {factor:g} times that is the limit.")


def _refuse_harm(evidence: dict[str, Any], rules: Rules) -> None:
    for gain, confidence, what in (
        ("capped_gain", "confidence", f"mean IoU, no photo counting more than {100 * rules.cap:g} points,"),
        ("gain", "mean_confidence", "mean IoU"),
    ):
        if evidence[f"{gain}_low"] <= 0:
            raise Refusal(
                f"No certain gain: {what} changes by {100 * evidence[gain]:+.2f} points, at worst "
                f"{100 * evidence[f'{gain}_low']:+.2f} with {100 * evidence[confidence]:.4g} % confidence; "
                "that must be above zero."
            )
    if evidence["boundary_gain_low"] < -rules.boundary_margin:
        raise Refusal(
            f"Edges may have got worse: mean boundary F changes by {100 * evidence['boundary_gain']:+.2f} points, at "
            f"worst {100 * evidence['boundary_gain_low']:+.2f} with {100 * evidence['boundary_confidence']:.4g} % "
            f"confidence; {-100 * rules.boundary_margin:+.2f} is the limit."
        )
    worst = evidence["worst"]
    if worst and worst["gain"] < -rules.picture_margin:
        raise Refusal(
            f"Photo {worst['image_sha256'][:12]} loses {-100 * worst['gain']:.1f} points of IoU, "
            f"{100 * rules.picture_margin:.0f} is the limit for a single photo."
        )
    if evidence["forgotten"]:
        first = evidence["forgotten"][0]
        raise Refusal(
            f"Once cut rightly, no longer: {len(evidence['forgotten'])} of {evidence['heldout']} photos, the first "
            f"{first['image_sha256'][:12]}: IoU {first['before']:.3f} before, {first['now']:.3f} now."
        )
    if evidence["leaps"]["worse"]:
        leaps = evidence["leaps"]
        raise Refusal(
            f"{leaps['losses']} photos lose more than {100 * leaps['limit']:.0f} points of IoU, "
            f"{leaps['gains']} gain as much: too many are ruined for the gain."
        )
    for line in evidence["slices"]:
        if line["worse"]:
            raise Refusal(
                f"Worse for {line['name']}: mean {'IoU' if line['score'] == 'iou' else 'boundary F'} of its "
                f"{line['photos']} photos changes by {100 * line['gain']:+.2f} points; "
                f"{-100 * line['margin']:+.2f} is the limit."
            )


def _summaries(evaluation: dict[str, Any]) -> dict[str, Any]:
    kept = ("champion", "challenger", "dataset_digest", "mlflow_run_id", "seed", "images", "heldout", "evidence")
    return {("pictures" if name == "evidence" else name): evaluation[name] for name in kept if name in evaluation}


def _storable(value: Any) -> Any:
    """The same, with NaN and infinities spelt out, which JSON does not know."""
    if isinstance(value, dict):
        return {str(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
