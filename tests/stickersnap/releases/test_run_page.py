"""What a run's page reads."""

import pytest

from stickersnap.releases import services

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(finished_run):
    services.starter_deploy()
    run = finished_run()
    folder = services.run_folder(run) / "samples"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"\xff\xd8 first")
    (folder / "b.jpg").write_bytes(b"\xff\xd8 second")
    return run


def test_a_run_names_its_champion_its_budget_and_its_pictures(client, people, run):
    client.force_login(people.olga)
    answer = client.get(f"/api/v1/releases/runs/{run.id}/").json()
    assert (answer["champion"], answer["minutes"], answer["heldout"]) == (run.champion_id, 1, 24)
    pictures = [b"".join(client.get(url).streaming_content) for url in answer["samples_urls"]]
    assert pictures == [b"\xff\xd8 first", b"\xff\xd8 second"]


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
