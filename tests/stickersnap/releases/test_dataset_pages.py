"""What the pages of dataset versions read."""

import pytest

from annotations.models import DatasetItem
from stickersnap.releases import services

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(client, people, finished_run):
    services.starter_deploy()
    first = finished_run(seed=1, heldout=4)
    first.state = "failed"
    first.save(update_fields=["state"])
    finished_run(seed=2, heldout=4)
    client.force_login(people.olga)
    return client


def test_versions_are_listed_newest_first_with_their_splits(operator):
    listed = operator.get("/api/v1/releases/datasets/").json()["results"]
    assert [(line["number"], line["train"], line["holdout"]) for line in listed] == [(2, 0, 4), (1, 0, 4)]


def test_a_version_says_what_changed_since_the_one_before(operator):
    DatasetItem.objects.filter(dataset=2).order_by("id").last().delete()
    answer = operator.get("/api/v1/releases/datasets/2/").json()
    assert (answer["former"], answer["counted"]["removed"]) == (1, 1)
    assert [line["image_url"] for line in answer["changes"] if line["what"] == "removed"] == [None]
    assert len(answer["runs"]) == 1
    first = operator.get("/api/v1/releases/datasets/1/").json()
    assert (first["former"], first["counted"]) == (None, {"added": 4, "added: holdout": 4})
    assert [line["what"] for line in first["changes"]] == ["added"] * 4


def test_a_version_that_is_not_there_answers_404(operator):
    assert operator.get("/api/v1/releases/datasets/7/").status_code == 404
