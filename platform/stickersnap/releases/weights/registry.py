"""MLflow: where runs are tracked, and the registry whose alias `champion` mirrors the deployment.

PostgreSQL's `Deployment` is the truth. MLflow may be away: nothing here stands in the way of a deployment.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql
from psycopg.conninfo import make_conninfo

from stickersnap.releases import selectors
from stickersnap.releases.models import Weights
from stickersnap.releases.weights.store import weights_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

DATABASE = "mlflow"
EXPERIMENT = MODEL = "stickersnap"
ALIAS = "champion"


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, else the database `mlflow` of the service's own PostgreSQL server. Holds no password."""
    if settings.MLFLOW_TRACKING_URI:
        return str(settings.MLFLOW_TRACKING_URI)
    params = _server()
    name = quote(params.get("user", ""), safe="")
    place = urlencode([(part, params[part]) for part in ("host", "port") if part in params])
    return f"postgresql+psycopg://{name}@/{DATABASE}?{place}"


def tracking_secrets() -> dict[str, str]:
    """The environment in which that URI works: command lines can be read by others, this can't."""
    password = _server().get("password", "")
    return {"PGPASSWORD": password} if password and not settings.MLFLOW_TRACKING_URI else {}


def tracking_prepare() -> tuple[str, dict[str, str]]:
    """(tracking URI, its environment), with database and experiment in place; an empty URI when MLflow is away."""
    try:
        client = _client()
        if client.get_experiment_by_name(EXPERIMENT) is None:
            client.create_experiment(EXPERIMENT, artifact_location=_artifacts())
    except unavailable() as error:
        log.warning("MLflow can't be had: %s", error)
        return "", {}
    return tracking_uri(), tracking_secrets()


def reach() -> str:
    """Where MLflow answers, in words, making nothing there. Raises one of `unavailable`."""
    if not settings.MLFLOW_TRACKING_URI:
        place = make_conninfo(dbname=str(connections["default"].get_connection_params()["dbname"]), **_server())
        with psycopg.connect(place) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        return f"The database {DATABASE} {'is there' if row else 'will be made'}."
    _client().search_experiments(max_results=1)
    return f"{settings.MLFLOW_TRACKING_URI.split('@')[-1]} answers."


def _server() -> dict[str, str]:
    params = connections["default"].get_connection_params()
    return {name: str(params[name]) for name in ("host", "port", "user", "password") if params.get(name)}


def alias_mirror() -> str | None:
    """Points the alias `champion` at the weights that serve; answers their sha256, None when there is nothing to do.

    Doing it again changes nothing. Raises what MLflow raises: the job is then tried again.
    """
    deployment = selectors.deployment_current()
    if deployment is None:
        return None
    client = _client()
    if not client.search_registered_models(f"name = '{MODEL}'"):
        try:
            client.create_registered_model(MODEL)
        except unavailable():
            log.info("Another process made the registered model at the same moment.")
            client.get_registered_model(MODEL)
    version = _version(client, deployment.weights)
    if _alias(client) == version:
        return None
    client.set_registered_model_alias(MODEL, ALIAS, version)
    return deployment.weights_id


def _version(client: "MlflowClient", weights: Weights) -> str:
    """The registry's version of these weights; made if there is none."""
    found = client.search_model_versions(f"name = '{MODEL}' and tags.sha256 = '{weights.sha256}'")
    if found:
        return str(found[0].version)
    run = weights.run.mlflow_run_id if weights.run else ""
    source = weights_folder(weights.sha256).as_uri()
    tags = {"sha256": weights.sha256, "network": weights.network}
    return str(client.create_model_version(MODEL, source, run_id=run or None, tags=tags).version)


def _alias(client: "MlflowClient") -> str | None:
    version = client.get_registered_model(MODEL).aliases.get(ALIAS)
    return str(version) if version is not None else None


def _client() -> "MlflowClient":
    from mlflow import MlflowClient  # half a minute of imports on a cold disk: only where it is needed

    uri = tracking_uri()
    os.environ.update(tracking_secrets())
    if not settings.MLFLOW_TRACKING_URI:
        _database_ensure()
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _database_ensure() -> None:
    database = str(connections["default"].get_connection_params()["dbname"])
    with psycopg.connect(make_conninfo(dbname=database, **_server()), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _artifacts() -> str:
    place = str(settings.MLFLOW_ARTIFACTS)
    if "://" in place:
        return place
    Path(place).mkdir(parents=True, exist_ok=True)
    return Path(place).as_uri()


def unavailable() -> tuple[type[Exception], ...]:
    """What is raised where MLflow can't be had."""
    try:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        return (ImportError,)
    return (MlflowException, SQLAlchemyError, psycopg.Error, OSError)
