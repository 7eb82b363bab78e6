"""MLflow, the real one, in the same PostgreSQL: it mirrors what is deployed, and is in nobody's way."""

import shutil
import uuid

import psycopg
import pytest
from django.db import connection

from stickersnap.releases import services, serving
from stickersnap.releases.weights import registry

pytestmark = pytest.mark.django_db


@pytest.fixture
def own_database(monkeypatch):
    """A tracking database of this test's own: MLflow keeps hold of those it has seen, and the server may be shared."""
    name = f"mlflow_test_{uuid.uuid4().hex}"
    monkeypatch.setattr(registry, "DATABASE", name)
    yield name
    params = connection.get_connection_params()
    with psycopg.connect(
        host=params.get("host"), port=params.get("port"), user=params.get("user"), dbname="postgres", autocommit=True
    ) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def champion():
    return registry._client().get_model_version_by_alias(registry.MODEL, registry.ALIAS).tags["sha256"]


def test_the_alias_follows_deployment_and_rollback_and_drift_is_repaired(own_database, finished_run):
    assert registry.alias_mirror() is None
    starter = services.starter_deploy()
    assert registry.alias_mirror() == champion() == starter.weights_id
    assert registry.alias_mirror() is None
    decision = services.promotion_decide(run=finished_run(), by="olga")
    assert registry.alias_mirror() == champion() == decision.challenger_id
    services.rollback(by="olga")
    assert registry.alias_mirror() == champion() == starter.weights_id
    registry._client().set_registered_model_alias(registry.MODEL, registry.ALIAS, "2")
    assert registry.alias_mirror() == champion() == starter.weights_id


def test_a_version_that_was_deleted_comes_back(own_database):
    starter = services.starter_deploy()
    registry.alias_mirror()
    registry._client().delete_model_version(registry.MODEL, "1")
    assert registry.alias_mirror() == champion() == starter.weights_id
    registry._client().delete_registered_model(registry.MODEL)
    assert registry.alias_mirror() == champion() == starter.weights_id


def test_a_host_without_the_weights_fetches_them_from_their_run(own_database, finished_run, state):
    services.starter_deploy()
    run = finished_run()
    registry.tracking_prepare()
    client = registry._client()
    experiment = client.get_experiment_by_name(registry.EXPERIMENT).experiment_id
    run.mlflow_run_id = client.create_run(experiment).info.run_id
    run.save()
    client.log_artifacts(run.mlflow_run_id, str(services.run_folder(run) / "weights"), "weights")
    decision = services.promotion_decide(run=run, by="olga")
    shutil.rmtree(state / "weights")
    assert serving.predictor_current().weights == decision.challenger_id
    assert (services.weights_folder(decision.challenger_id) / "card.json").exists()


def test_a_host_that_can_not_fetch_them_says_what_is_missing(own_database, finished_run, state):
    starter = services.starter_deploy()
    serving.predictor_current()
    decision = services.promotion_decide(run=finished_run(), by="olga")
    shutil.rmtree(state / "weights")
    serving.holder().refresh()
    problem = serving.status().problem
    assert decision.challenger_id in problem
    assert "copy that folder" in problem
    assert serving.predictor_current().weights == starter.weights_id


def test_tracking_is_prepared_in_the_services_own_server(own_database, settings):
    uri, secrets = registry.tracking_prepare()
    assert uri.startswith("postgresql+psycopg://")
    assert f"/{own_database}?" in uri
    assert secrets == {}
    experiment = registry._client().get_experiment_by_name(registry.EXPERIMENT)
    assert experiment.artifact_location == f"file://{settings.MLFLOW_ARTIFACTS}"


def test_a_password_is_never_part_of_the_uri(monkeypatch):
    params = {"host": "db.example", "port": 5432, "user": "snap", "password": "p@ss/word", "dbname": "stickersnap"}
    monkeypatch.setattr(connection, "get_connection_params", lambda: params)
    assert registry.tracking_uri() == "postgresql+psycopg://snap@/mlflow?host=db.example&port=5432"
    assert registry.tracking_secrets() == {"PGPASSWORD": "p@ss/word"}


def test_mlflow_away_is_said_and_stops_nothing(settings, tmp_path, finished_run):
    (tmp_path / "file").write_text("")
    settings.MLFLOW_TRACKING_URI = f"sqlite:///{tmp_path}/file/mlflow.db"
    services.starter_deploy()
    assert registry.tracking_prepare() == ("", {})
    assert services.promotion_decide(run=finished_run(), by="olga").passed
