"""The statistics of the gate: how sure a mean gain is, and how many findings in a family may be chance."""

import math

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CHUNK = 1000
LEAST_SPREAD = 0.25
"""Of the sample's standard error: a resample that happens to be all alike does not count as endlessly sure."""

Gains = NDArray[np.float64]
Counts = NDArray[np.uint8]


def lower_bound(gains: Gains, groups: list[str], seed: int, error: float) -> float:
    """Lower end of the one-sided bootstrap-t interval of the mean gain, which lies above the true mean in `error`.

    Whole groups are drawn, with replacement. Each resample's mean is divided by its own standard error (Efron &
    Tibshirani, An Introduction to the Bootstrap, 1993, ch. 12.5): with few groups and skewed gains the plain
    percentile is too sure of itself, this is not. -1, the least gain there is, where fewer than two groups are there.
    """
    sums, sizes = _by_group(gains, groups)
    if len(sums) < 2:
        return -1.0
    mean, spread = _mean_and_error(sums, sizes)
    if spread == 0:
        return mean
    means, spreads = _resampled(sums, sizes, seed)
    students = (means - mean) / np.maximum(spreads, LEAST_SPREAD * spread)
    return max(-1.0, float(mean - np.quantile(students, 1 - error, method="higher") * spread))


def chance_of_no_harm(gains: Gains, groups: list[str], margin: float, seed: int) -> float:
    """p of "the mean gain is -margin or better": the share of bootstrap means there, by whole groups."""
    sums, sizes = _by_group(gains, groups)
    means, _ = _resampled(sums, sizes, seed)
    return float((np.count_nonzero(means >= -margin) + 1) / (RESAMPLES + 1))


def drawn(groups: int, seed: int) -> Counts:
    """How often each of so many groups is in each resample: RESAMPLES × groups, drawn with replacement."""
    rng = np.random.default_rng(seed)
    counts = np.empty((RESAMPLES, groups), np.uint8)
    rows = groups * np.arange(CHUNK)[:, None]
    for start in range(0, RESAMPLES, CHUNK):
        places = rng.integers(0, groups, size=(CHUNK, groups)) + rows
        counts[start : start + CHUNK] = np.bincount(places.ravel(), minlength=CHUNK * groups).reshape(CHUNK, groups)
    return counts


def _by_group(gains: Gains, groups: list[str]) -> tuple[Gains, Gains]:
    _, member = np.unique(groups, return_inverse=True)
    return np.bincount(member, weights=gains).astype(np.float64), np.bincount(member).astype(np.float64)


def _resampled(sums: Gains, sizes: Gains, seed: int) -> tuple[Gains, Gains]:
    """Means and their standard errors of RESAMPLES draws of as many groups as there are.

    By `_mean_and_error`, multiplied out, so that a resample needs sums over what was drawn alone; about the sample's
    own mean, so that little is lost to rounding.
    """
    count, centre = len(sums), sums.sum() / sizes.sum()
    off = sums - centre * sizes
    columns = np.stack([off, sizes, off**2, off * sizes, sizes**2], axis=1)
    counts, totals = drawn(count, seed), np.empty((RESAMPLES, 5))
    for start in range(0, RESAMPLES, CHUNK):
        part = slice(start, start + CHUNK)
        totals[part] = counts[part].astype(np.float64) @ columns
    offs, photos, squares, products, size_squares = totals.T
    shift = offs / photos
    residuals = np.maximum(squares - 2 * shift * products + shift**2 * size_squares, 0)
    return centre + shift, np.sqrt(residuals * count / (count - 1)) / photos


def _mean_and_error(sums: Gains, sizes: Gains) -> tuple[float, float]:
    """The mean over photos, and its standard error by the spread of the groups (ratio estimator)."""
    count, photos = len(sums), sizes.sum()
    mean = sums.sum() / photos
    residuals = sums - mean * sizes
    return float(mean), float(np.sqrt((residuals**2).sum() * count / (count - 1)) / photos)


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
