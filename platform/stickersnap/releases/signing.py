"""Decisions are signed: a row that was not written by this installation's own code, with its key, deploys nothing.

HMAC-SHA256 over every column of the decision, the evidence by its sha256, under a key derived from SECRET_KEY, which
is never in the database. Former keys (SECRET_KEY_FALLBACKS) still verify; `manage.py decision sign` signs again with
the present one, after which a former key can be dropped.
"""

import hashlib
import json
import logging
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from segmentation.weights import WeightsSet
from stickersnap.releases.exceptions import NotSigned

log = logging.getLogger(__name__)

SALT = "stickersnap.releases.decision"


def message(decision: Any) -> str:
    """What is signed, as canonical JSON. Of a decision as it stands in the database: `refresh_from_db` before."""
    evidence = json.dumps(decision.evidence, sort_keys=True, separators=(",", ":"))
    facts = {
        "id": decision.id,
        "kind": decision.kind,
        "champion": decision.champion_id,
        "challenger": decision.challenger_id,
        "passed": decision.passed,
        "approval_needed": decision.approval_needed,
        "reason": decision.reason,
        "evidence": hashlib.sha256(evidence.encode()).hexdigest(),
        "gate": decision.evidence.get("gate"),
        "seed": decision.evidence.get("seed"),
        "run": str(decision.run_id or ""),
        "token": decision.token,
        "by": decision.by,
        "at": decision.created_at.isoformat(),
    }
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def signature_of(decision: Any, key: str | None = None) -> str:
    """The signature, 64 hexadecimal digits, by `key` or the present SECRET_KEY."""
    return salted_hmac(SALT, message(decision), secret=key or settings.SECRET_KEY, algorithm="sha256").hexdigest()


def verifies(decision: Any, *, by_present_key: bool = False) -> bool:
    """Whether this installation's key, or a former one, signed the decision as it stands."""
    keys = [settings.SECRET_KEY] + ([] if by_present_key else list(settings.SECRET_KEY_FALLBACKS))
    return any(constant_time_compare(decision.signature, signature_of(decision, key)) for key in keys)


def check(decision: Any) -> None:
    """Raises NotSigned for a decision whose signature does not verify."""
    if not verifies(decision):
        raise NotSigned(
            f"Decision {decision.id} was not signed by this installation: it deploys nothing. "
            "`manage.py decision verify` shows which are; docs/gate.md says what to do after a lost key."
        )


def proven(decision: Any, found: WeightsSet) -> WeightsSet:
    """The set with only those forms that the decision names, or that came since and were registered.

    What stands in a folder is not believed: its card names its own forms. Weights without a form serve by torch.
    """
    signed = decision.evidence.get("digests", {}).get("forms", {})
    registered = decision.challenger.card.get("forms") or {}
    kept = {
        name: entry
        for name, entry in found.forms.items()
        if entry["sha256"] == (signed.get(name) or registered.get(name, {}).get("sha256"))
    }
    if kept.keys() != found.forms.keys():
        dropped = ", ".join(sorted(found.forms.keys() - kept.keys()))
        log.warning("Forms of %s that no decision names are not used: %s", found.sha256[:12], dropped)
    return replace(found, card={**found.card, "forms": kept} if found.forms else found.card)
