"""What a run tells MLflow. MLflow is imported when a run is tracked, not before."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from training.events import emit


class TrackingAway(Exception):
    """MLflow cannot be reached."""


class Tracker:
    """Tells nobody: a run without --tracking-uri."""

    run_id: str | None = None

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Numbers of one epoch."""

    def artifacts(self, path: Path, name: str | None = None) -> None:
        """A file or folder to keep with the run, under `name`."""

    def finish(self, failed: bool = False) -> None:
        """The end of the run."""


class MlflowTracker(Tracker):
    """One MLflow run, begun or (with a run id) taken up again.

    A server that is away in the middle stops nothing: what could not be told is kept and told in order with what comes
    next, and at the end; a warning says when it goes away and what stayed untold. Raises TrackingAway if it is away
    at the start.
    """

    def __init__(
        self, uri: str, experiment: str, params: Mapping[str, Any], tags: Mapping[str, str], run_id: str | None = None
    ) -> None:
        impatient()
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError  # MlflowClient speaks to a database through it

        self.away = (MlflowException, SQLAlchemyError, OSError)
        self.untold: deque[Callable[[], Any]] = deque()
        self.complained = False
        self.client = MlflowClient(tracking_uri=uri)
        try:
            self.run_id = run_id or self.begin(experiment, params, tags)
            self.client.update_run(self.run_id, status="RUNNING")
        except self.away as error:
            raise TrackingAway(f"MLflow cannot be had ({first_line(error)}): training goes on untracked.") from error

    def begin(self, experiment: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        from mlflow.entities import Param, RunTag

        found = self.client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else self.client.create_experiment(experiment)
        run_id = str(self.client.create_run(experiment_id).info.run_id)
        self.client.log_batch(
            run_id,
            params=[Param(key, str(value)) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        return run_id

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        numbers = [Metric(key, value, now, step) for key, value in values.items()]
        self.tell(lambda: self.client.log_batch(self.run_id, metrics=numbers))

    def artifacts(self, path: Path, name: str | None = None) -> None:
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        self.tell(lambda: log(self.run_id, str(path), name))

    def finish(self, failed: bool = False) -> None:
        self.tell(lambda: self.client.set_terminated(self.run_id, status="FAILED" if failed else "FINISHED"))
        if self.untold:
            emit("warning", message=f"MLflow was not told the end of run {self.run_id}: the run's folder has it all.")

    def tell(self, call: Callable[[], Any]) -> None:
        self.untold.append(call)
        try:
            while self.untold:
                self.untold[0]()
                self.untold.popleft()
        except self.away as error:
            if not self.complained:
                self.complained = True
                emit("warning", message=f"MLflow is away ({first_line(error)}): training goes on, and tells it later.")


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def impatient() -> None:
    """MLflow's client waits for minutes by default; a training does not, unless the environment says so."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")


def git_revision() -> str | None:
    """The commit of the code that runs, or None where it is no checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
