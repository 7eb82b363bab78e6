"""Rows that make weights serve are signed: one that was not written by this installation, with its key, serves nothing.

HMAC-SHA256 over all that a decision, an approval, a deployment, a rollout, a student's deployment or a registered set
of weights says, under a key derived from SECRET_KEY, which is never in the database. Former keys (SECRET_KEY_FALLBACKS)
still verify; `manage.py decision sign` signs again with the present one, after which a former key can be dropped.
What the signed rows allow together: see `verification`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from segmentation.weights.pins import card_digest, form_digests
from stickersnap.releases.exceptions import NotSigned

Facts = dict[str, Any]
Row = TypeVar("Row")


def _decision(row: Any) -> Facts:
    evidence = json.dumps(row.evidence, sort_keys=True, separators=(",", ":"))
    return {
        "id": row.id,
        "kind": row.kind,
        "champion": row.champion_id,
        "challenger": row.challenger_id,
        "passed": row.passed,
        "approval_needed": row.approval_needed,
        "reason": row.reason,
        "evidence": hashlib.sha256(evidence.encode()).hexdigest(),
        "gate": row.evidence.get("gate"),
        "seed": row.evidence.get("seed"),
        "run": str(row.run_id or ""),
        "token": row.token,
        "by": row.by,
        "at": row.created_at.isoformat(),
    }


def _approval(row: Any) -> Facts:
    said = {"approved": row.approved, "by": row.by, "comment": row.comment}
    return {"id": row.id, "decision": row.decision_id, **said, "at": row.created_at.isoformat()}


def _deployment(row: Any) -> Facts:
    what = {"weights": row.weights_id, "decision": row.decision_id, "rollback_of": row.rollback_of_id}
    return {"id": row.id, **what, "by": row.by, "at": row.created_at.isoformat()}


def _student(row: Any) -> Facts:
    what = {"weights": row.weights_id, "decision": row.decision_id, "champion": row.champion_id}
    return {"id": row.id, **what, "by": row.by, "at": row.created_at.isoformat()}


def _rollout(row: Any) -> Facts:
    shares = {"shadow_share": float(row.shadow_share), "canary_share": float(row.canary_share)}
    hours = {"shadow_hours": float(row.shadow_hours), "canary_hours": float(row.canary_hours)}
    what = {"weights": row.weights_id, "decision": row.decision_id, "stage": str(row.stage)}
    return {"id": str(row.id), **what, "stage_at": row.stage_at.isoformat(), **shares, **hours, "by": row.by}


def _weights(row: Any) -> Facts:
    card = {"card": card_digest(row.card), "forms": form_digests(row.card)}
    return {"sha256": row.sha256, "network": row.network, **card}


KINDS: dict[str, tuple[str, Callable[[Any], Facts]]] = {
    "promotiondecision": ("decision", _decision),
    "approval": ("approval", _approval),
    "deployment": ("deployment", _deployment),
    "studentdeployment": ("student", _student),
    "rollout": ("rollout", _rollout),
    "weights": ("weights", _weights),
}
"""By model: what people call such a row, and what of it is signed."""


def message(row: Any) -> str:
    """What is signed, as canonical JSON. Of a row as it stands in the database: `refresh_from_db` before."""
    _, facts = KINDS[row._meta.model_name]
    return json.dumps(facts(row), sort_keys=True, separators=(",", ":"))


def signature_of(row: Any, key: str | None = None) -> str:
    """The signature, 64 hexadecimal digits, by `key` or the present SECRET_KEY."""
    salt = f"stickersnap.releases.{KINDS[row._meta.model_name][0]}"
    return salted_hmac(salt, message(row), secret=key or settings.SECRET_KEY, algorithm="sha256").hexdigest()


def keys() -> tuple[str, ...]:
    """The keys that count, the present one first."""
    return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def verifies(row: Any, *, by_present_key: bool = False) -> bool:
    """Whether this installation's key, or a former one, signed the row as it stands."""
    tried = keys()[:1] if by_present_key else keys()
    return any(constant_time_compare(row.signature, signature_of(row, key)) for key in tried)


def check(row: Any) -> None:
    """Raises NotSigned for a row whose signature does not verify."""
    if not verifies(row):
        raise NotSigned(
            f"{name(row).capitalize()} was not signed by this installation: it makes nothing serve. "
            "`manage.py decision verify` shows which are; docs/gate.md says what to do after a lost key."
        )


def signed(row: Row) -> Row:
    """Signs a row as it stands in the database, within the transaction that wrote it; answers the row."""
    row.refresh_from_db()  # type: ignore[attr-defined]
    row.signature = signature_of(row)  # type: ignore[attr-defined]
    row.save(update_fields=["signature"])  # type: ignore[attr-defined]
    return row


def all_rows() -> Iterator[tuple[str, QuerySet[Any]]]:
    """Every kind of row that is signed, by what people call many of them."""
    for model, (kind, _) in KINDS.items():
        yield (
            kind if kind.endswith("s") else f"{kind}s",
            apps.get_model("releases", model)._default_manager.order_by("pk"),
        )


def decisions_of(row: Any) -> set[int]:
    """The decision that a row is, or hangs on; those on registered weights."""
    if row._meta.model_name == "weights":
        return set(row.decisions.values_list("pk", flat=True))
    return {row.pk if row._meta.model_name == "promotiondecision" else row.decision_id}


def name(row: Any) -> str:
    """What messages call a row: "decision 7"."""
    return f"{KINDS[row._meta.model_name][0]} {str(row.pk)[:12]}"
