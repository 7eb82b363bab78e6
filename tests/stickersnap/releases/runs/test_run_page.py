"""What a run's page reads."""

import uuid

import pytest
from django.utils import timezone

from annotations.models import Photo
from stickersnap.releases import services

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(finished_run):
    services.starter_deploy()
    run = finished_run()
    folder = services.run_folder(run) / "samples"
    folder.mkdir()
    for item, said in zip(run.dataset.items.all()[:2], (b"first", b"second"), strict=True):
        (folder / f"{item.image_sha256}.jpg").write_bytes(b"\xff\xd8 " + said)
        Photo.objects.create(
            id=item.photo,
            owner=uuid.uuid4(),
            image=b"",
            media_type="image/jpeg",
            sha256=item.image_sha256,
            upload_sha256=item.image_sha256,
            width=8,
            height=8,
            phash=0,
            group=item.group,
            consented_at=timezone.now(),
        )
    return run


def test_a_run_names_its_champion_its_budget_and_its_pictures(client, people, run):
    client.force_login(people.olga)
    answer = client.get(f"/api/v1/releases/runs/{run.id}/").json()
    assert (answer["champion"], answer["minutes"], answer["heldout"]) == (run.champion_id, 1, 24)
    pictures = [b"".join(client.get(url).streaming_content) for url in answer["samples_urls"]]
    assert pictures == [b"\xff\xd8 first", b"\xff\xd8 second"]


def test_a_sample_goes_with_its_photo_and_with_the_consent(client, people, run):
    client.force_login(people.olga)
    first, second = client.get(f"/api/v1/releases/runs/{run.id}/").json()["samples_urls"]
    photos = Photo.objects.filter(sha256__in=[item.image_sha256 for item in run.dataset.items.all()[:2]])
    photos.filter(sha256=first.rsplit("/", 1)[1].removesuffix(".jpg")).delete()
    photos.update(consented_at=None)
    assert [client.get(url).status_code for url in (first, second)] == [404, 404]
    assert client.get(f"/api/v1/releases/runs/{run.id}/").json()["samples_urls"] == []


def test_only_samples_are_handed_out(client, people, run):
    client.force_login(people.olga)
    for name in ("evaluation.json", "..%2Fevaluation.json", "c.jpg", "*.jpg", "%2e%2e"):
        assert client.get(f"/api/v1/releases/runs/{run.id}/samples/{name}").status_code == 404


def test_a_run_that_is_not_there_answers_404(client, people, run):
    client.force_login(people.olga)
    run_id = "00000000-0000-4000-8000-000000000000"
    assert client.get(f"/api/v1/releases/runs/{run_id}/").json()["code"] == "not_found"


def test_it_leads_to_mlflow_where_mlflow_knows_it(client, people, run, settings):
    client.force_login(people.olga)
    address = f"/api/v1/releases/runs/{run.id}/"
    assert client.get(address).json()["mlflow_url"] == ""
    run.mlflow_run_id = "0a1b"
    run.save(update_fields=["mlflow_run_id"])
    here = client.get(address).json()
    assert (here["mlflow_url"], here["mlflow_hint"]) == ("http://127.0.0.1:5000/#/runs/0a1b", "manage.py mlflow")
    settings.MLFLOW_PAGES = "https://mlflow.example/"
    there = client.get(address).json()
    assert (there["mlflow_url"], there["mlflow_hint"]) == ("https://mlflow.example/#/runs/0a1b", "")
