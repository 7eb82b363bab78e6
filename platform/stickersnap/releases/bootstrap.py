"""The statistics of the gate: how sure a mean gain is, and how many findings in a family may be chance."""

import math

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CHUNK = 1000
LEAST_SPREAD = 0.25
"""Of the sample's standard error: a resample that happens to be all alike does not count as endlessly sure."""

Gains = NDArray[np.float64]


def lower_bound(gains: Gains, groups: list[str], seed: int, error: float) -> float:
    """Lower end of the one-sided bootstrap-t interval of the mean gain, which lies above the true mean in `error`.

    Whole groups are drawn, with replacement. Each resample's mean is divided by its own standard error (Efron &
    Tibshirani, An Introduction to the Bootstrap, 1993, ch. 12.5): with few groups and skewed gains the plain
    percentile is too sure of itself, this is not. -1, the least gain there is, where fewer than two groups are there.
    """
    sums, sizes = _by_group(gains, groups)
    if len(sums) < 2:
        return -1.0
    mean, spread = _mean_and_error(sums[None], sizes[None])
    if spread[0] == 0:
        return float(mean[0])
    means, spreads = _resampled(sums, sizes, seed)
    students = (means - mean) / np.maximum(spreads, LEAST_SPREAD * spread)
    return max(-1.0, float(mean[0] - np.quantile(students, 1 - error, method="higher") * spread[0]))


def chance_of_no_harm(gains: Gains, groups: list[str], margin: float, seed: int) -> float:
    """p of "the mean gain is -margin or better": the share of bootstrap means there, by whole groups."""
    sums, sizes = _by_group(gains, groups)
    means, _ = _resampled(sums, sizes, seed)
    return float((np.count_nonzero(means >= -margin) + 1) / (RESAMPLES + 1))


def _by_group(gains: Gains, groups: list[str]) -> tuple[Gains, Gains]:
    _, member = np.unique(groups, return_inverse=True)
    return np.bincount(member, weights=gains).astype(np.float64), np.bincount(member).astype(np.float64)


def _resampled(sums: Gains, sizes: Gains, seed: int) -> tuple[Gains, Gains]:
    """Means and their standard errors of RESAMPLES draws of as many groups as there are."""
    rng = np.random.default_rng(seed)
    means, errors = np.empty(RESAMPLES), np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, CHUNK):
        drawn = rng.integers(0, len(sums), size=(CHUNK, len(sums)))
        part = slice(start, start + CHUNK)
        means[part], errors[part] = _mean_and_error(sums[drawn], sizes[drawn])
    return means, errors


def _mean_and_error(sums: Gains, sizes: Gains) -> tuple[Gains, Gains]:
    """Of each row: the mean over photos, and its standard error by the spread of the groups (ratio estimator)."""
    count = sums.shape[1]
    photos = sizes.sum(axis=1)
    means = sums.sum(axis=1) / photos
    residuals = sums - means[:, None] * sizes
    return means, np.sqrt((residuals**2).sum(axis=1) * count / (count - 1)) / photos


def at_least(count: int, of: int) -> float:
    """Chance that `count` or more of so many fair coins fall heads: the one-sided sign test's p."""
    return sum(math.comb(of, k) for k in range(count, of + 1)) / 2**of


def holm(p_values: list[float], error: float) -> list[bool]:
    """Which hypotheses are rejected at a family-wise `error` (Holm 1979, A simple sequentially rejective procedure)."""
    rejected = [False] * len(p_values)
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] > error / (len(p_values) - place):
            break
        rejected[index] = True
    return rejected
