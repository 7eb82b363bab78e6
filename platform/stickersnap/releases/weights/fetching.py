"""Weights that were deployed elsewhere come to this host: from the package, or from what MLflow keeps of their run."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from segmentation import weights as sets
from stickersnap.releases.models import Weights
from stickersnap.releases.weights import registry
from stickersnap.releases.weights.store import weights_folder, weights_register

SECONDS = 300


def weights_ensure(sha256: str) -> Path:
    """The folder of registered weights, fetched where this host has none. Raises segmentation.weights.WeightsError."""
    folder = weights_folder(sha256)
    if not folder.exists():
        _fetch(Weights.objects.select_related("run").get(sha256=sha256))
    return folder


def _fetch(weights: Weights) -> None:
    missing = f"The weights {weights.sha256} are missing here ({weights_folder(weights.sha256)})"
    if sets.digest(sets.starter_folder() / sets.WEIGHTS) == weights.sha256:
        weights_register(folder=sets.starter_folder())
        return
    if weights.run is None or not weights.run.mlflow_run_id:
        raise sets.WeightsError(
            f"{missing}, and no tracked run made them: copy that folder from a host that has it, or bring them in with "
            "`manage.py weights pull` or `import`."
        )
    with tempfile.TemporaryDirectory(prefix="weights-") as aside:
        said = _download(weights.run.mlflow_run_id, Path(aside))
        arrived = Path(aside) / "weights"
        if not arrived.is_dir():
            raise sets.WeightsError(
                f"{missing}, and MLflow does not give them ({said}): share MLFLOW_ARTIFACTS between hosts, or "
                "copy that folder from a host that has it."
            )
        found = sets.inspect(arrived)
        if found.sha256 != weights.sha256:
            raise sets.WeightsError(f"{missing}; what MLflow keeps of their run is {found.sha256}: train again.")
        weights_register(folder=arrived)


def _download(run_id: str, folder: Path) -> str:
    """By a process of its own: MLflow would stay in the memory of a server for good. Answers what went wrong."""
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "artifacts",
        "download",
        "--run-id",
        run_id,
        "--artifact-path",
        "weights",
    ]
    environment = {**os.environ, **registry.tracking_secrets(), "MLFLOW_TRACKING_URI": registry.tracking_uri()}
    try:
        done = subprocess.run(
            [*command, "--dst-path", str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {SECONDS} s"
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else ""
