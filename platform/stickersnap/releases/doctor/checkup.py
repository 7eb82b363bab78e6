"""What is running where, and what is wrong with it."""

import json
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateWorker

from annotations.dvc.workspace import DvcError, Workspace
from segmentation import weights as sets
from stickersnap.embedded import roles
from stickersnap.releases import selectors, services, verification
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import Deployment

READYZ_SECONDS = 30
REMOTE_SECONDS = 60
WORKER_ALIVE = timedelta(seconds=30)
GIGABYTE = 1_000_000_000
LITTLE_DISK, TOO_LITTLE_DISK = 2 * GIGABYTE, GIGABYTE // 4


class Health(Enum):
    WELL = "well"
    NOTE = "note"
    ILL = "ill"


@dataclass(frozen=True)
class Finding:
    subject: str
    health: Health
    sentence: str


def findings(url: str) -> list[Finding]:
    """Everything there is to say about this installation; `url` is where its web server should answer."""
    found = [database()]
    if found[0].health is not Health.ILL:
        deployment = selectors.deployment_current()
        ready = readyz(url)
        found += [role(), worker(), deployed(deployment), rightful(), web(url, ready, deployment), loop()]
        found.append(device(ready))
    return [*found, disk(), remote()]


def database() -> Finding:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return Finding("database", Health.ILL, f"{str(error).strip()} Start PostgreSQL, or correct DATABASE_URL.")
    version = connection.pg_version  # type: ignore[attr-defined]
    if pending:
        return Finding("database", Health.ILL, f"{len(pending)} migrations are missing. Run `manage.py migrate`.")
    params = connection.get_connection_params()
    return Finding("database", Health.WELL, f"PostgreSQL {version // 10000}, {params['dbname']} at {_place(params)}.")


def _place(params: dict[str, Any]) -> str:
    return str(params.get("host") or "the local socket")


def role() -> Finding:
    """Whether the role that serves can do more than serve."""
    found = roles.present()
    if found.serves_alone:
        return Finding("role", Health.WELL, f"{found.name} serves; it owns no table and is no superuser.")
    what = "a superuser of PostgreSQL" if found.superuser else "the owner of the tables"
    cure = "Set DATABASE_OWNER_URL, and another role in DATABASE_URL: deploy/README.md, Two roles."
    return Finding("role", Health.NOTE, f"{found.name} serves and is {what}: it could switch the rules off. {cure}")


def worker() -> Finding:
    newest = ProcrastinateWorker.objects.order_by("-last_heartbeat").first()
    if newest is None or newest.last_heartbeat < timezone.now() - WORKER_ALIVE:
        seen = f"last seen {newest.last_heartbeat:%Y-%m-%d %H:%M} UTC" if newest else "never seen"
        return Finding("worker", Health.NOTE, f"Not alive ({seen}): no job is done. Start `manage.py up`.")
    return Finding("worker", Health.WELL, "Alive.")


def deployed(deployment: Deployment | None) -> Finding:
    if deployment is None:
        return Finding("weights", Health.ILL, "Nothing is deployed. Run `manage.py weights deploy-starter`.")
    sha256 = deployment.weights_id
    where = services.weights_folder(sha256)
    try:
        found = verification.weights_set(verification.permit(deployment), sets.inspect(where))
    except (sets.WeightsError, ReleaseError) as error:
        return Finding("weights", Health.ILL, f"{error} Bring {where} back, or `manage.py rollback`.")
    origin = found.card.get("published") or found.card.get("name") or found.network
    by = f", chosen by {deployment.decision.by}" if deployment.decision.by else ""
    said = f"{origin} {sha256[:12]} ({found.network}, {found.format}), deployment {deployment.pk}{by}."
    return Finding("weights", Health.WELL, said)


def rightful() -> Finding:
    """Whether anything is in the database that would make weights serve, and may not."""
    found = selectors.unrightful()
    if found:
        cure = "Somebody else wrote to the database: find out who. `manage.py rollback` takes such deployments back."
        return Finding("signatures", Health.ILL, f"{' '.join(found)} {cure}")
    return Finding("signatures", Health.WELL, "What serves was let through by signed rows.")


def readyz(url: str) -> dict[str, Any] | None:
    """What /readyz answers, None where nothing answers."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=READYZ_SECONDS) as answer:  # noqa: S310 the operator's own URL
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        try:
            return dict(json.load(error))
        except ValueError:
            return {"detail": f"answers {error.code}"}
    except (OSError, ValueError):
        return None


def web(url: str, ready: dict[str, Any] | None, deployment: Deployment | None) -> Finding:
    if ready is None:
        return Finding("web", Health.NOTE, f"Nothing answers at {url}. Start `manage.py up`, or say where with --url.")
    if ready.get("status") != "ok":
        return Finding("web", Health.ILL, f"{url} is not ready: {ready.get('detail')}")
    student = selectors.student_of(deployment) if deployment else None
    allowed = {deployment.weights_id if deployment else None, student.weights_id if student else None}
    if deployment and ready.get("weights") not in allowed:
        return Finding("web", Health.ILL, f"{url} serves {str(ready.get('weights'))[:12]}, not what is deployed.")
    return Finding("web", Health.WELL, f"{url} serves {str(ready.get('weights'))[:12]} on {ready.get('device')}.")


def device(ready: dict[str, Any] | None) -> Finding:
    ready = ready or {}
    wanted, used = "cuda" if settings.REQUIRE_GPU else settings.DEVICE, str(ready.get("device") or "nothing")
    if lost := ready.get("lost"):
        return Finding("device", Health.ILL, f"{lost} Check the GPU, then restart the web server.")
    if wanted == "cuda" and not used.startswith("cuda"):
        import torch  # seconds: only to explain

        why = "the web server doesn't use it" if torch.cuda.is_available() else "torch finds none here"
        cure = (
            "Restart the web server." if torch.cuda.is_available() else "Check the driver and the CUDA build of torch."
        )
        asked = "REQUIRE_GPU=1" if settings.REQUIRE_GPU else "STICKERSNAP_DEVICE=cuda"
        return Finding("device", Health.ILL, f"A GPU was asked for ({asked}), but {why}. {cure}")
    by = f" by {ready['backend']}" if "backend" in ready else ""
    return Finding("device", Health.WELL, f"Asked for {wanted}, the web server uses {used}{by}.")


def loop() -> Finding:
    run = selectors.run_active()
    if run is not None:
        return Finding("training", Health.WELL, f"Run {run.pk} is {run.state}. {run.message}".strip())
    last = selectors.runs().first()
    said = f"Last run: {last.state}. {last.message.splitlines()[0] if last.message else ''}" if last else "No run yet."
    return Finding("training", Health.WELL, f"{said.strip()} Policy: {selectors.policy()}.")


def disk() -> Finding:
    state = Path(settings.STATE)
    free = shutil.disk_usage(next(path for path in (state, *state.parents) if path.exists())).free
    health = Health.ILL if free < TOO_LITTLE_DISK else Health.NOTE if free < LITTLE_DISK else Health.WELL
    return Finding("disk", health, f"{free / GIGABYTE:.1f} GB free under {state}.")


def remote() -> Finding:
    """Whether dataset versions can be kept where they belong. A store is asked with a small file of no meaning."""
    place = str(settings.DVC_REMOTE)
    if "://" not in place:
        there = next(part for part in (Path(place), *Path(place).parents) if part.exists())
        if there.is_dir() and os.access(there, os.W_OK):
            return Finding("DVC remote", Health.WELL, f"{place} can be written.")
        return Finding("DVC remote", Health.ILL, f"{place} can't be written: mount it, or correct DVC_REMOTE.")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder), place)
        try:
            workspace.ensure()
            refused = workspace.probe(REMOTE_SECONDS)
        except (OSError, DvcError) as error:
            why = str(error).splitlines()[-1]
            return Finding("DVC remote", Health.ILL, f"{place} can't be used: {why} Mend that, or correct DVC_REMOTE.")
    if refused:
        return Finding("DVC remote", Health.NOTE, f"{place} can be written and read. {refused}")
    return Finding("DVC remote", Health.WELL, f"{place} can be written, read and emptied.")
