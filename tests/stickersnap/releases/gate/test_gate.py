"""The gate lets real gains through, and nothing else."""

import json
import math

import numpy as np
import pytest

from stickersnap.releases.gate.bootstrap import holm, lower_bound
from stickersnap.releases.gate.gate import ERROR, VERSION, Facts, Rules, allowed_error, decide, retired, rules_for

CHAMPION, CHALLENGER = "a" * 64, "b" * 64
RULES = rules_for(4)


def evaluation(champion, challenger, *, boundary=(0.8, 0.8), groups=None, names=(CHAMPION, CHALLENGER)):
    images = [
        {
            "image_sha256": f"{i:064x}",
            "group": str(groups[i] if groups else i),
            "source": "people",
            "champion_iou": float(old),
            "challenger_iou": float(new),
            "champion_boundary_f": boundary[0],
            "challenger_boundary_f": boundary[1],
        }
        for i, (old, new) in enumerate(zip(champion, challenger, strict=True))
    ]
    return {
        "champion": {"sha256": names[0], "latency_ms": 20.0},
        "challenger": {"sha256": names[1], "latency_ms": 21.0},
        "images": images,
        "heldout": len(images),
    }


def verdict(*args, deployed=CHAMPION, rules=RULES, **kwargs):
    return decide(evaluation(*args, **kwargs), Facts(deployed), rules)


def test_a_gain_on_every_photo_passes_and_says_how_much():
    answer = verdict([0.70, 0.60, 0.80, 0.75, 0.66], [0.80, 0.75, 0.85, 0.85, 0.76])
    assert answer.passed
    assert "5 held-out photos: +10.00 points" in answer.reason
    assert answer.evidence["gain"] == pytest.approx(0.10)
    assert 0 < answer.evidence["gain_low"] < answer.evidence["gain"]
    assert len(answer.evidence["images"]) == 5


def test_too_few_photos_are_refused_with_both_numbers():
    answer = verdict([0.5, 0.5, 0.5], [0.9, 0.9, 0.9])
    assert not answer.passed
    assert "Too few held-out photos: 3 " in answer.reason
    assert "4 needed" in answer.reason


def test_near_duplicates_count_once():
    answer = verdict([0.5] * 8, [0.9] * 8, groups=[0, 0, 0, 1, 1, 1, 2, 2])
    assert not answer.passed
    assert "Too few held-out photos: 3 " in answer.reason


def test_no_held_out_photo_at_all_is_refused():
    assert "Too few held-out photos: 0 " in verdict([], []).reason


def test_gain_on_average_but_not_for_certain_is_refused():
    answer = verdict([0.7] * 6, [0.95, 0.6, 0.65, 0.62, 0.9, 0.6])
    assert answer.evidence["gain"] > 0
    assert not answer.passed
    assert "No certain gain" in answer.reason


def test_no_change_is_refused():
    assert "No certain gain" in verdict([0.7] * 6, [0.7] * 6).reason


def test_worse_edges_are_refused():
    answer = verdict([0.7] * 6, [0.8] * 6, boundary=(0.8, 0.79))
    assert not answer.passed
    assert "Edges may have got worse" in answer.reason


@pytest.mark.parametrize(("gain", "passes"), [(0.02, True), (0.0, False), (-0.02, False)])
def test_edges_that_gain_are_not_refused_for_the_noise_of_training(gain, passes):
    noise = np.random.default_rng(1).normal(0, 0.16, 220)
    answers = evaluation([0.7] * 220, [0.75] * 220)
    for image, change in zip(answers["images"], noise - noise.mean() + gain, strict=True):
        image |= {"champion_boundary_f": 0.5, "challenger_boundary_f": float(np.clip(0.5 + change, 0, 1))}
    answer = decide(answers, Facts(CHAMPION), RULES)
    assert answer.passed is passes, answer.reason
    assert passes or "Edges may have got worse" in answer.reason


def sliced(champion, challenger, names):
    answers = evaluation(champion, challenger)
    for image, kinds in zip(answers["images"], names, strict=True):
        image["slices"] = kinds
    return decide(answers, Facts(CHAMPION), RULES)


def test_a_slice_that_got_worse_is_refused_by_name():
    rng = np.random.default_rng(3)
    gains = np.concatenate([rng.normal(0.06, 0.01, 40), rng.normal(-0.05, 0.01, 10)])
    answer = sliced([0.7] * 50, 0.7 + gains, [["source: pets"]] * 40 + [["source: cats at night"]] * 10)
    assert not answer.passed
    assert "Worse for source: cats at night" in answer.reason
    assert {line["name"]: line["worse"] for line in answer.evidence["slices"]} == {
        "source: pets": False,
        "source: cats at night": True,
    }


def test_a_slice_within_its_margin_passes():
    rng = np.random.default_rng(3)
    gains = np.concatenate([rng.normal(0.06, 0.01, 40), rng.normal(-0.005, 0.01, 10)])
    answer = sliced([0.7] * 50, 0.7 + gains, [["size: large"]] * 40 + [["size: small"]] * 10)
    assert answer.passed, answer.reason


def test_a_slice_of_few_photos_is_not_tested():
    gains = [0.06] * 40 + [-0.05] * 4
    answer = sliced([0.7] * 44, 0.7 + np.array(gains), [["size: large"]] * 40 + [["size: small"]] * 4)
    assert [line["name"] for line in answer.evidence["slices"]] == ["size: large"]


def test_holm_rejects_step_by_step():
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([0.03, 0.03], 0.05) == [False, False]
    assert holm([0.02, 0.03], 0.05) == [True, True]
    assert holm([], 0.05) == []


def test_what_was_once_right_must_stay_right():
    answers = evaluation([0.70] * 20 + [0.88], [0.80] * 20 + [0.84])
    assert decide(answers, Facts(CHAMPION), RULES).passed
    answer = decide(answers, Facts(CHAMPION, best_before={f"{20:064x}": 0.96}), RULES)
    assert not answer.passed
    assert "Once cut rightly, no longer: 1 of 21 photos" in answer.reason
    assert answer.evidence["forgotten"] == [{"image_sha256": f"{20:064x}", "before": 0.96, "now": 0.84}]


def test_a_mask_that_nobody_mended_refuses_nothing_alone():
    answers = evaluation([0.50] * 20 + [1.0], [0.90] * 20 + [0.3])
    unmended = frozenset({f"{20:064x}", "f" * 64})
    refused = decide(answers, Facts(CHAMPION), RULES)
    assert "loses 70.0 points" in refused.reason
    assert refused.evidence["accepted"] == []
    passed = decide(answers, Facts(CHAMPION, accepted=unmended), RULES)
    assert passed.passed, passed.reason
    assert passed.evidence["accepted"] == [f"{20:064x}"]
    assert passed.evidence["gain"] == pytest.approx((20 * 0.4 - 0.7) / 21), "in the mean it counts like any other"
    another = frozenset({f"{19:064x}"})
    assert "loses 70.0 points" in decide(answers, Facts(CHAMPION, accepted=another), RULES).reason


def test_many_unmended_masks_together_still_refuse():
    answers = evaluation([0.7] * 60 + [1.0] * 12, [0.84] * 60 + [0.6] * 12)
    unmended = frozenset(f"{i:064x}" for i in range(60, 72))
    answer = decide(answers, Facts(CHAMPION, accepted=unmended), RULES)
    assert "12 photos lose more than 15 points of IoU, 0 gain as much" in answer.reason


def test_nothing_but_unmended_masks_is_no_gain():
    answers = evaluation([1.0] * 20, [0.9] * 20)
    everything = frozenset(f"{i:064x}" for i in range(20))
    answer = decide(answers, Facts(CHAMPION, accepted=everything), RULES)
    assert "No certain gain" in answer.reason
    assert answer.evidence["worst"] is None


def test_a_verdict_says_which_gate_spoke():
    assert verdict([0.7] * 6, [0.8] * 6).evidence["gate"] == VERSION


def test_one_ruined_photo_is_refused():
    answer = verdict([0.5] * 19 + [0.8], [0.9] * 19 + [0.1])
    assert not answer.passed
    assert "loses 70.0 points" in answer.reason
    assert answer.evidence["worst"]["image_sha256"] == f"{19:064x}"


def test_many_large_losses_are_refused_though_the_mean_gains():
    answer = verdict([0.7] * 60, [0.82] * 48 + [0.5] * 12)
    assert answer.evidence["gain_low"] > 0
    assert not answer.passed
    assert "12 photos lose more than 15 points of IoU, 0 gain as much" in answer.reason


def test_as_many_large_gains_as_losses_are_the_noise_of_training():
    assert verdict([0.7] * 60, [0.8] * 50 + [0.5] * 4 + [0.9] * 6).passed


def test_a_group_counts_once_among_large_losses():
    groups = [*range(48), *[48] * 12]
    assert verdict([0.7] * 60, [0.85] * 48 + [0.5] * 12, groups=groups).evidence["leaps"]["losses"] == 1


def budget(champion, challenger, sizes=(100, 100), **facts):
    answers = evaluation([0.7] * 6, [0.8] * 6)
    answers["champion"]["latency_ms"], answers["challenger"]["latency_ms"] = champion, challenger
    return decide(answers, Facts(CHAMPION, sizes=sizes, **facts), RULES)


def test_speed_and_size_keep_to_their_budget():
    assert budget(20, 29, (100, 199)).passed
    assert "Too slow: 31.0 ms" in budget(20, 31).reason
    assert "Too large: 201 bytes" in budget(20, 20, (100, 201)).reason
    assert budget(20, 90, (100, 900), other_network=True).passed


@pytest.mark.parametrize("taken", [None, "20", math.nan, 0, -1, True])
def test_without_a_measured_time_nothing_is_promoted(taken):
    assert "does not say how fast" in budget(20, taken).reason


def on_benchmark(gains, digest="d" * 64, boundary=0.0):
    answers = evaluation([0.7] * 6, [0.8] * 6)
    judged = evaluation([0.7] * len(gains), 0.7 + np.array(gains), boundary=(0.8, 0.8 + boundary))["images"]
    answers["benchmarks"] = {"ecssd": {"digest": digest, "images": judged}}
    return decide(answers, Facts(CHAMPION, benchmarks={"ecssd": "d" * 64}), RULES)


def test_a_benchmark_must_not_get_worse():
    noise = np.random.default_rng(5).normal(0, 0.01, 50)
    assert on_benchmark(noise).passed
    worse = on_benchmark(noise - 0.02)
    assert "Worse for benchmark: ecssd: mean IoU of its 50 photos" in worse.reason
    assert "Worse for benchmark edges: ecssd: mean boundary F" in on_benchmark(noise, boundary=-0.02).reason


def test_a_benchmark_is_judged_on_as_it_was_imported():
    assert "not the one that was imported" in on_benchmark([0.0] * 6, digest="e" * 64).reason
    forgotten = decide(evaluation([0.7] * 6, [0.8] * 6), Facts(CHAMPION, benchmarks={"ecssd": "d" * 64}), RULES)
    assert "was not judged on the benchmark ecssd" in forgotten.reason
    assert "not a number" in on_benchmark([math.nan] * 6).reason


def test_each_look_makes_the_next_one_stricter():
    noise = np.random.default_rng(2).normal(size=30)
    answers = evaluation([0.7] * 30, 0.7135 + 0.024 * (noise - noise.mean()) / noise.std())
    fresh = decide(answers, Facts(CHAMPION), RULES)
    assert fresh.passed
    assert fresh.evidence["confidence"] == 1 - ERROR
    worn = decide(answers, Facts(CHAMPION, looks={str(i): 15 for i in range(30)}), RULES)
    assert not worn.passed
    assert worn.evidence["confidence"] == pytest.approx(1 - ERROR / 16)
    assert worn.evidence["gain_low"] < fresh.evidence["gain_low"]


def test_fresh_photos_make_up_for_worn_ones():
    images = evaluation([0.7] * 30, [0.8] * 30)["images"]
    assert allowed_error(images, {str(i): 10 for i in range(15)}) == pytest.approx(ERROR / 6)


def test_photos_retire_one_by_one_and_then_only_refuse():
    groups = [str(i) for i in range(200)]
    left = [sum(not retired(group, dict.fromkeys(groups, looks), 20) for group in groups) for looks in range(0, 45, 5)]
    assert left[:4] == [200] * 4
    assert sorted(left, reverse=True) == left
    assert 60 < left[6] < 140
    assert left[8] == 0

    answers = evaluation([0.7] * 30 + [0.8], [0.8] * 30 + [0.1])
    looks = {"30": 40}
    refused = decide(answers, Facts(CHAMPION, looks=looks), RULES)
    assert "loses 70.0 points" in refused.reason
    assert refused.evidence["retired"] == 1
    assert "30" not in refused.judged_by
    thin = decide(answers, Facts(CHAMPION, looks={str(i): 40 for i in range(30)}), RULES)
    assert "30 more have judged too often" in thin.reason


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1, None, "0.9", True])
def test_a_score_that_is_no_score_is_refused_and_can_still_be_kept(score):
    answers = evaluation([0.5] * 5, [0.9] * 5)
    answers["images"][2]["challenger_iou"] = score
    answer = decide(answers, Facts(CHAMPION), RULES)
    assert not answer.passed
    assert "not a number from 0 to 1" in answer.reason
    json.dumps(answer.evidence, allow_nan=False)


def test_the_champion_itself_is_refused():
    answer = verdict([0.5] * 5, [0.9] * 5, names=(CHAMPION, CHAMPION))
    assert not answer.passed
    assert "champion itself" in answer.reason


def test_a_champion_that_no_longer_serves_is_stale():
    answer = verdict([0.5] * 5, [0.9] * 5, deployed="c" * 64)
    assert not answer.passed
    assert answer.reason.startswith("Stale")


@pytest.mark.parametrize("broken", [{}, {"champion": None}, {"champion": {"sha256": CHAMPION}, "challenger": {}}])
def test_an_evaluation_without_names_is_refused(broken):
    assert "does not say which weights" in decide(broken, Facts(CHAMPION), RULES).reason


@pytest.mark.parametrize("images", [None, "none", [1]])
def test_an_evaluation_without_scores_is_refused(images):
    broken = evaluation([0.5] * 5, [0.9] * 5) | {"images": images}
    assert "no list of held-out photos" in decide(broken, Facts(CHAMPION), RULES).reason


def test_a_photo_scored_twice_is_refused():
    answers = evaluation([0.5] * 5, [0.9] * 5)
    answers["images"].append(dict(answers["images"][0]))
    assert "scored twice" in decide(answers, Facts(CHAMPION), RULES).reason


def test_the_same_evaluation_always_gets_the_same_verdict():
    numbers = np.random.default_rng(1).uniform(0.4, 0.8, size=(2, 30))
    assert verdict(*numbers) == verdict(*numbers)


def test_a_groups_photos_are_drawn_together():
    gains = np.repeat([0.2, 0.1, 0.15, 0.05, -0.05, 0.1], 4)
    apart = lower_bound(gains, [str(i) for i in range(24)], seed=0, error=0.01)
    together = lower_bound(gains, [str(i // 4) for i in range(24)], seed=0, error=0.01)
    assert together < apart - 0.01


def passes(trials, photos, gain, seed):
    """How often a challenger passes whose every photo changes by N(gain, 0.03)."""
    rng = np.random.default_rng(seed)
    count = 0
    for _ in range(trials):
        champion = rng.uniform(0.6, 0.8, photos)
        count += verdict(champion, champion + rng.normal(gain, 0.03, photos)).passed
    return count


def test_noise_alone_hardly_ever_passes():
    assert passes(200, 60, 0.0, seed=0) <= 5


def test_a_real_gain_of_a_point_passes():
    assert passes(40, 200, 0.01, seed=0) >= 38


def test_a_few_photos_that_gain_much_do_not_outweigh_all_others():
    answer = verdict([0.3] * 4 + [0.7] * 56, [0.9] * 4 + [0.695] * 56)
    assert answer.evidence["gain_low"] > 0
    assert answer.evidence["capped_gain"] == pytest.approx((4 * 0.15 - 56 * 0.005) / 60)
    assert not answer.passed
    assert "no photo counting more than 15 points" in answer.reason


def test_large_losses_that_eat_the_gain_up_are_not_capped_away():
    answer = verdict([0.7] * 400, [0.715] * 388 + [0.2] * 12)
    assert answer.evidence["capped_gain_low"] > 0
    assert "No certain gain: mean IoU changes by -0.0" in answer.reason


def test_a_small_sample_is_not_believed_to_have_seen_the_worst():
    noise = np.random.default_rng(0).normal(size=24)
    answers = evaluation([0.7] * 24, 0.72 + 0.02 * (noise - noise.mean()) / noise.std())
    assert decide(answers, Facts(CHAMPION), Rules(unseen=0)).passed
    assert "No certain gain" in decide(answers, Facts(CHAMPION), Rules()).reason
    assert rules_for(20) == Rules()
    assert rules_for(19) == Rules(19, unseen=0)
