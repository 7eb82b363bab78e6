"""What a run tells MLflow. MLflow is imported when a run is tracked, not before."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
    """One MLflow run, begun or (with a run id) taken up again."""

    def __init__(
        self, uri: str, experiment: str, params: Mapping[str, Any], tags: Mapping[str, str], run_id: str | None = None
    ) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param, RunTag

        self.client = MlflowClient(tracking_uri=uri)
        if run_id is None:
            found = self.client.get_experiment_by_name(experiment)
            experiment_id = found.experiment_id if found else self.client.create_experiment(experiment)
            run_id = self.client.create_run(experiment_id).info.run_id
            self.client.log_batch(
                run_id,
                params=[Param(key, str(value)) for key, value in params.items()],
                tags=[RunTag(key, value) for key, value in tags.items()],
            )
        self.run_id = run_id
        self.client.update_run(run_id, status="RUNNING")

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        for key, value in values.items():
            self.client.log_metric(self.run_id, key, value, step=step)

    def artifacts(self, path: Path, name: str | None = None) -> None:
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(self.run_id, str(path), name)

    def finish(self, failed: bool = False) -> None:
        self.client.set_terminated(self.run_id, status="FAILED" if failed else "FINISHED")


def git_revision() -> str | None:
    """The commit of the code that runs, or None where it is no checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
