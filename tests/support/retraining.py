"""A run in a besieged installation, from the button to its last word."""

import time
import uuid
from typing import Any

JUDGED = ("promoted", "refused")
OVER = (*JUDGED, "failed")
AGAIN = "The champion keeps serving; start again with `manage.py retrain`."


def run_of(installation: Any) -> dict[str, Any]:
    """The newest run, as the database has it."""
    columns = ("state", "message", "dataset_id", "attempts", "pid", "id", "metrics")
    newest = f"SELECT {', '.join(columns)} FROM releases_trainingrun ORDER BY created_at DESC LIMIT 1"
    (row,) = installation.rows(newest) or [(None,) * len(columns)]
    return dict(zip(columns, row, strict=True))


def asked(installation: Any, **wishes: float) -> None:
    """*Retrain now* is pressed."""
    answer = installation.operator().send("POST", "releases/retrain/", json=wishes or {"epochs": 1})
    assert answer.status_code == 202, answer.text


def ended(installation: Any) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        run = run_of(installation)
        return run if run["state"] in OVER else None

    run = installation.wait_for(over, "the end of the run", seconds=900)
    print(f"\n{run['state']}, attempt {run['attempts']}: {run['message']}")
    return dict(run)


def retrained(installation: Any, **wishes: float) -> dict[str, Any]:
    asked(installation, **wishes)
    return ended(installation)


def training(installation: Any) -> dict[str, Any]:
    """The run, once its training process learns."""

    def learns() -> dict[str, Any] | None:
        run = run_of(installation)
        assert run["state"] not in OVER, run["message"]
        told = installation.state / "runs" / str(run["id"]) / "metrics.jsonl"
        return run if run["state"] == "training" and told.exists() else None

    return dict(installation.wait_for(learns, "a training that learns", seconds=600))


def serving(installation: Any) -> str:
    """What cuts a new photo, which must be what the service says it is."""
    person = installation.person()
    current = person.send("GET", "weights/current/").json()["sha256"]
    photo = person.upload(int(time.time() * 1000), uuid.uuid4())
    assert photo["prediction"]["weights"] == current
    return str(current)


def approved(installation: Any, seeds: range, mask_of: Any) -> None:
    """As many photos with a correction each, approved."""
    person, operator = installation.person(), installation.operator()
    person.consent()
    for seed in seeds:
        correction = uuid.uuid4()
        person.correct(person.upload(seed, uuid.uuid4()), correction, mask_of(seed))
        verdict = {"verdict": "approve", "reason": "", "version": 1}
        assert operator.send("POST", f"corrections/{correction}/review/", json=verdict).ok
