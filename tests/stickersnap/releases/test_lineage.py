"""Where something came from and where it went, both ways."""

import uuid

import pytest
from django.utils import timezone

from annotations.exceptions import NotFound
from annotations.models import (
    Correction,
    DatasetItem,
    DatasetVersion,
    GroupSplit,
    Photo,
    PhotoSplit,
    Prediction,
    Review,
)
from stickersnap.releases import lineage
from stickersnap.releases.models import TrainingRun, Weights
from stickersnap.stickers.models import Sticker

BASE, TUNED = "a" * 64, "b" * 64


def photo_of(people, weights):
    photo = Photo.objects.create(
        owner=people.alice.owner,
        image=b"",
        media_type="image/png",
        sha256="0" * 64,
        upload_sha256="0" * 64,
        width=4,
        height=3,
        phash=0,
        group=uuid.uuid4(),
    )
    prediction = Prediction.objects.create(
        photo=photo,
        mask=b"",
        weights=weights,
        network="basnet-small",
        device="cpu",
        uncertainty=0,
        subject_score=1,
        subject_found=True,
    )
    return photo, prediction


@pytest.fixture
def road(people):
    """base → photo → correction → review → dataset → run → tuned → another photo → sticker."""
    base = Weights.objects.create(sha256=BASE, network="basnet-small")
    photo, prediction = photo_of(people, BASE)
    correction = Correction.objects.create(
        id=uuid.uuid4(),
        photo=photo,
        prediction=prediction,
        author=people.alice.owner,
        mask=b"",
        mask_sha256="1" * 64,
        iou=0.5,
    )
    Review.objects.create(correction=correction, version=1, reviewer=people.rita, verdict="approve")
    dataset = DatasetVersion.objects.create(number=1, digest="d" * 64, dvc_text="")
    GroupSplit.objects.create(group=photo.group, split="train")
    PhotoSplit.objects.create(photo=photo.id, group=photo.group, split="train")
    DatasetItem.objects.create(
        dataset=dataset,
        photo=photo.id,
        correction=correction.id,
        correction_version=1,
        image_sha256="0" * 64,
        mask_sha256="1" * 64,
        group=photo.group,
        split="train",
        source="corrections",
    )
    run = TrainingRun.objects.create(
        network="basnet-small",
        minutes=1,
        requested_by="olga",
        state="promoted",
        base=base,
        champion=base,
        dataset=dataset,
        finished_at=timezone.now(),
    )
    Weights.objects.create(sha256=TUNED, network="basnet-small", run=run)
    later, cut = photo_of(people, TUNED)
    sticker = Sticker.objects.create(
        photo=later, prediction=cut, target="png", file=b"", media_type="image/png", width=1, height=1
    )
    return {
        "sticker": str(sticker.id),
        "weights": TUNED,
        "run": str(run.id),
        "dataset": "1",
        "correction": str(correction.id),
        "photo": str(photo.id),
        "reviewer": str(people.rita.pk),
    }


@pytest.mark.parametrize("kind", lineage.KINDS)
def test_from_anywhere_on_the_road_both_ends_are_found(road, kind):
    graph = lineage.lineage(kind, road[kind])
    ends = {"sticker"} if kind == "reviewer" else {"sticker", "reviewer"} - ({"reviewer"} if kind == "photo" else set())
    assert {(end, road[end]) for end in ends} <= set(graph.nodes)
    assert all(start in graph.nodes and end in graph.nodes for start, end, _ in graph.edges)
    if kind == "sticker":
        assert (("weights", TUNED), ("run", road["run"]), "made by") in graph.edges
        assert (("run", road["run"]), ("weights", BASE), "started from") in graph.edges
        assert (("dataset", "1"), ("correction", road["correction"]), "holds") in graph.edges


def test_what_was_deleted_since_is_still_told(road):
    Photo.objects.filter(id=road["photo"]).delete()
    graph = lineage.lineage("run", road["run"])
    assert graph.nodes["correction", road["correction"]]["label"] == "deleted"


def test_many_are_counted_and_not_all_told(road, monkeypatch):
    monkeypatch.setattr(lineage, "MOST", 1)
    run = TrainingRun.objects.get(id=road["run"])
    for number in range(3):
        Weights.objects.create(sha256=f"{number:064x}", network="basnet-small", run=run)
    graph = lineage.lineage("run", road["run"])
    assert graph.left_off["weights"] == 3


@pytest.mark.parametrize(
    ("kind", "name"),
    [("sticker", "x"), ("run", "58358ec5-9212-472c-a4f3-fb922b49bbbb"), ("dataset", "7"), ("cat", "1")],
)
def test_what_is_not_there_is_not_found(db, kind, name):
    with pytest.raises(NotFound):
        lineage.lineage(kind, name)


def test_operators_see_it_over_http(road, people, client):
    client.force_login(people.olga)
    answer = client.get(f"/api/v1/releases/lineage/sticker/{road['sticker']}/")
    assert {node["kind"] for node in answer.json()["nodes"]} == set(lineage.KINDS)
    assert client.get("/api/v1/releases/lineage/sticker/none/").status_code == 404
