"""Lineage, both ways: sticker → weights → run → dataset → corrections → reviewers, and back."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Max, Q, QuerySet

from annotations.exceptions import NotFound
from annotations.models import Correction, DatasetItem, DatasetVersion, Photo, Review
from stickersnap.accounts.models import User
from stickersnap.releases.models import TrainingRun, Weights
from stickersnap.stickers.models import Sticker

MOST = 100
"""Nodes that are told beside one node, of one kind; the others are counted."""
KINDS = ("sticker", "weights", "run", "dataset", "correction", "photo", "reviewer")
OWN = Q(correction__author=F("reviewer__owner"))
Key = tuple[str, str]
Step = tuple[str, str, "QuerySet[Any, Any]"]
"""(kind of the neighbours, what the edge says, their ids)"""


@dataclass
class Graph:
    """Nodes by (kind, id); edges from what was made to what it was made of."""

    nodes: dict[Key, dict[str, Any]] = field(default_factory=dict)
    edges: set[tuple[Key, Key, str]] = field(default_factory=set)
    left_off: dict[str, int] = field(default_factory=dict)


def lineage(kind: str, name: str) -> Graph:
    """All that this thing was made of, and all that was made of it. Raises NotFound."""
    if kind not in KINDS:
        raise NotFound(f"There is no lineage of a {kind}; ask for one of {', '.join(KINDS)}.")
    found = _described(kind, [name])
    if (kind, name) not in found:
        raise NotFound
    graph = Graph(nodes=found)
    _walk(graph, (kind, name), MADE_OF, forwards=True)
    _walk(graph, (kind, name), MADE_FROM, forwards=False)
    return graph


def _walk(graph: Graph, start: Key, steps: dict[str, Callable[[Any], Iterator[Step]]], forwards: bool) -> None:
    waiting, seen = [start], {start}
    while waiting:
        here = waiting.pop(0)
        for kind, word, ids in steps[here[0]](here[1]):
            rows = [str(value) for value in ids[: MOST + 1]]
            if len(rows) > MOST:
                rows.pop()
                graph.left_off[kind] = graph.left_off.get(kind, 0) + ids.count() - MOST
            graph.nodes |= _described(kind, [row for row in rows if (kind, row) not in graph.nodes])
            for row in rows:
                other = (kind, row)
                graph.edges.add((here, other, word) if forwards else (other, here, word))
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)


def _of_sticker(name: Any) -> Iterator[Step]:
    own = Sticker.objects.filter(id=name)
    cut = own.filter(prediction__weights__in=Weights.objects.values("sha256"))
    yield "weights", "cut by", cut.values_list("prediction__weights", flat=True)
    yield "correction", "drawn in", own.filter(correction__isnull=False).values_list("correction", flat=True)
    yield "photo", "of", own.values_list("photo", flat=True)


def _of_weights(name: Any) -> Iterator[Step]:
    yield "run", "made by", TrainingRun.objects.filter(weights=name).values_list("id", flat=True)


def _of_run(name: Any) -> Iterator[Step]:
    own = TrainingRun.objects.filter(id=name)
    yield "weights", "started from", own.filter(base__isnull=False).values_list("base", flat=True)
    yield "weights", "taught by", own.filter(teacher__isnull=False).values_list("teacher", flat=True)
    yield "dataset", "learned from", own.filter(dataset__isnull=False).values_list("dataset", flat=True)


def _of_dataset(name: Any) -> Iterator[Step]:
    items = DatasetItem.objects.filter(dataset=name, correction__isnull=False).order_by("id")
    yield "correction", "holds", items.values_list("correction", flat=True)


def _of_correction(name: Any) -> Iterator[Step]:
    reviews = Review.objects.filter(correction=name).order_by("reviewer").distinct()
    yield "reviewer", "reviewed by", reviews.exclude(OWN).values_list("reviewer", flat=True)
    yield "reviewer", "reviewed by its author", reviews.filter(OWN).values_list("reviewer", flat=True)
    yield "photo", "of", Correction.objects.filter(id=name).values_list("photo", flat=True)


def _from_weights(name: Any) -> Iterator[Step]:
    yield "run", "started from", TrainingRun.objects.filter(base=name).values_list("id", flat=True)
    yield "run", "taught by", TrainingRun.objects.filter(teacher=name).values_list("id", flat=True)
    yield "sticker", "cut by", Sticker.objects.filter(prediction__weights=name).values_list("id", flat=True)


def _from_run(name: Any) -> Iterator[Step]:
    yield "weights", "made by", Weights.objects.filter(run=name).values_list("sha256", flat=True)


def _from_dataset(name: Any) -> Iterator[Step]:
    yield "run", "learned from", TrainingRun.objects.filter(dataset=name).values_list("id", flat=True)


def _from_correction(name: Any) -> Iterator[Step]:
    versions = DatasetItem.objects.filter(correction=name).order_by("dataset")
    yield "dataset", "holds", versions.values_list("dataset", flat=True)
    yield "sticker", "drawn in", Sticker.objects.filter(correction=name).values_list("id", flat=True)


def _from_photo(name: Any) -> Iterator[Step]:
    yield "correction", "of", Correction.objects.filter(photo=name).values_list("id", flat=True)
    yield "sticker", "of", Sticker.objects.filter(photo=name).values_list("id", flat=True)
    seen = DatasetItem.objects.filter(photo=name, correction=None).order_by("dataset")
    yield "dataset", "holds, uncorrected", seen.values_list("dataset", flat=True)


def _from_reviewer(name: Any) -> Iterator[Step]:
    reviewed = Review.objects.filter(reviewer=name).order_by("correction").distinct()
    yield "correction", "reviewed by", reviewed.exclude(OWN).values_list("correction", flat=True)
    yield "correction", "reviewed by its author", reviewed.filter(OWN).values_list("correction", flat=True)


def _nothing(name: Any) -> Iterator[Step]:
    return iter(())


MADE_OF: dict[str, Callable[[Any], Iterator[Step]]] = {
    "sticker": _of_sticker,
    "weights": _of_weights,
    "run": _of_run,
    "dataset": _of_dataset,
    "correction": _of_correction,
    "photo": _nothing,
    "reviewer": _nothing,
}
MADE_FROM: dict[str, Callable[[Any], Iterator[Step]]] = {
    "sticker": _nothing,
    "weights": _from_weights,
    "run": _from_run,
    "dataset": _from_dataset,
    "correction": _from_correction,
    "photo": _from_photo,
    "reviewer": _from_reviewer,
}


def _described(kind: str, names: list[str]) -> dict[Key, dict[str, Any]]:
    """Each node with a label and a date; what was deleted since is said to be."""
    if not names:
        return {}
    try:
        found = {name: (label, at) for name, label, at in _labels(kind, names)}
    except (ValueError, ValidationError):
        return {}  # no id of this kind
    if kind == "correction" and (gone := set(names) - set(found)):
        items = DatasetItem.objects.filter(correction__in=gone).values("correction")
        for item in items.annotate(at=Max("dataset__created_at")):
            found[str(item["correction"])] = ("deleted", item["at"])
    return {
        (kind, name): {"kind": kind, "id": name, "label": found[name][0], "at": found[name][1]}
        for name in names
        if name in found
    }


def _labels(kind: str, names: list[str]) -> Iterator[tuple[str, str, Any]]:
    if kind == "weights":
        for weights in Weights.objects.filter(sha256__in=names):
            yield weights.sha256, str(weights), weights.created_at
    elif kind == "dataset":
        for version in DatasetVersion.objects.filter(number__in=[int(name) for name in names]):
            yield str(version.number), str(version), version.created_at
    elif kind == "reviewer":
        for user in User.objects.filter(id__in=[int(name) for name in names]):
            yield str(user.pk), user.get_username(), user.date_joined
    elif kind == "run":
        for run in TrainingRun.objects.filter(id__in=_uuids(names)):
            yield str(run.id), f"{run.network}, {run.state}", run.created_at
    else:
        models: dict[str, Any] = {"sticker": Sticker, "correction": Correction, "photo": Photo}
        for row in models[kind].objects.filter(id__in=_uuids(names)):
            yield str(row.id), _label(kind, row), row.created_at


def _label(kind: str, row: Any) -> str:
    return {"sticker": lambda: row.target, "correction": lambda: f"version {row.version}"}.get(
        kind, lambda: f"{row.width} × {row.height}"
    )()


def _uuids(names: list[str]) -> list[uuid.UUID]:
    return [uuid.UUID(name) for name in names]
