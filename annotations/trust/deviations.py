"""How odd each mask is, given what the network had made of its picture. No database, no network.

A mask that is far from its prediction proves nothing: the network may have been wrong. So each deviation is compared
with those that *other* people made where the network had said much the same (as sure of itself, as large a subject),
and answered as a chance: which share of theirs deviates as much. Under the same habits that chance is even over 0..1
whatever the network is worth (conformal p-values: Vovk, Gammerman & Shafer 2005, "Algorithmic learning in a random
world"), so it needs no threshold in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from annotations.trust import sketch

ALIKE = 64  # corrections that one is compared with
Values = NDArray[np.float64]


def chances(masks: sketch.Sketches, predictions: sketch.Sketches, authors: NDArray[np.int64]) -> Values:
    """The share of other people's masks that are as odd, N in (0, 1]: small where a mask is odd. 1 without others.

    The chances of the six deviations are joined by their product (Fisher 1925), which is ranked once more, since they
    are not independent. `masks` and `predictions` are sketches, N×32×32 in 0..1; `authors` numbers the N authors.
    """
    places = _alike(situations(predictions), authors)
    known = (places >= 0).sum(1)
    oddness = np.zeros(len(masks))
    for amounts in sketch.in_parts(deviations, masks, predictions).T:
        theirs = np.where(places >= 0, amounts[places], -np.inf)
        as_much = (theirs >= amounts[:, None] - 1e-9).sum(1)
        oddness -= np.log((1 + as_much) / (1 + known))
    return _ranked(oddness, authors)


def deviations(masks: sketch.Sketches, predictions: sketch.Sketches) -> Values:
    """N×6, each 0 for none: distance; what was removed and what was added, where the network was sure; change of area
    and of the centre's height and side. Of sketches, N×32×32 in 0..1."""
    sure = np.abs(2 * predictions - 1)
    union = np.maximum(masks, predictions).sum((1, 2)) + 4
    removed = (sure * np.maximum(predictions - masks, 0)).sum((1, 2)) / union
    added = (sure * np.maximum(masks - predictions, 0)).sum((1, 2)) / union
    lean = np.log((sketch.area(masks) + 0.01) / (sketch.area(predictions) + 0.01))
    moved = (centres(masks) - centres(predictions)) / np.sqrt(sketch.area(predictions) + 0.02)[:, None]
    distance = 1 - sketch.soft_iou(masks, predictions)
    return np.column_stack([distance, removed, added, np.abs(lean), np.abs(moved)]).astype(np.float64)


def situations(predictions: sketch.Sketches) -> Values:
    """N×2 that tell how hard a picture was for the network: how unsure it was for the subject's size, and that size."""
    area = sketch.area(predictions)
    unsure = sketch.in_parts(lambda p: (4 * p * (1 - p)).mean((1, 2)), predictions) / (area + 0.02)
    return np.column_stack([_even(unsure), _even(area)])


def centres(masks: sketch.Sketches) -> Values:
    """N×2: row and column of the centre of mass in shares of a side, 0.5 for an empty mask."""
    along = (np.arange(sketch.SIDE) + 0.5) / sketch.SIDE
    mass = masks.sum((1, 2)) + 0.5
    rows = ((masks.sum(2) * along).sum(1) + 0.25) / mass
    columns = ((masks.sum(1) * along).sum(1) + 0.25) / mass
    return np.column_stack([rows, columns])


def _even(values: NDArray[np.float32]) -> Values:
    """The values' ranks, spread evenly over 0..1."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(values) - 1)


def _alike(points: Values, authors: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each point the places of its ALIKE nearest ones by other authors; -1 where there are fewer."""
    wanted = min(len(points), 3 * ALIKE)
    near = KDTree(points).query(points, wanted)[1].reshape(len(points), wanted)
    others = authors[near] != authors[:, None]
    first = np.argsort(~others, axis=1, kind="stable")[:, :ALIKE]
    return np.where(np.take_along_axis(others, first, 1), np.take_along_axis(near, first, 1), -1)


def _ranked(oddness: Values, authors: NDArray[np.int64]) -> Values:
    """The share of other authors' values that are as large, the value itself counted among them."""
    everybody = np.sort(oddness)
    as_large = len(oddness) - np.searchsorted(everybody, oddness - 1e-9)
    chance = np.ones(len(oddness))
    for author in np.unique(authors):
        places = np.flatnonzero(authors == author)
        own = np.sort(oddness[places])
        own_as_large = len(own) - np.searchsorted(own, oddness[places] - 1e-9)
        chance[places] = (1 + as_large[places] - own_as_large) / (1 + len(oddness) - len(own))
    return chance
