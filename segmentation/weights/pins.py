"""What a set of weights is held to beside its file: its card and its other forms, by their digests.

The shipped weights come with pins.json, which names them: a card that was changed by hand (another threshold, say) is
refused. Cards of other sets are pinned where it is decided that they serve.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

PINS = "pins.json"


def card_digest(card: dict[str, Any]) -> str:
    """sha256 of what a card says, but for its forms, which have digests of their own and may be made anew."""
    said = {name: value for name, value in card.items() if name != "forms"}
    lines = json.dumps(_plain(said), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(lines.encode()).hexdigest()


def form_digests(card: dict[str, Any]) -> dict[str, str]:
    """sha256 of each form's file, by the form's name, as the card says."""
    return {name: str(entry["sha256"]) for name, entry in (card.get("forms") or {}).items()}


def pins_of(card: dict[str, Any]) -> dict[str, Any]:
    """What pins.json beside this card says: {"weights": sha256, "card": card_digest, "forms": form_digests}."""
    return {"weights": card.get("sha256"), "card": card_digest(card), "forms": form_digests(card)}


def pinned(folder: Path) -> dict[str, Any] | None:
    """What pins.json of a folder says; None where there is none, {} where it can't be read: nothing fits that."""
    try:
        said = json.loads((folder / PINS).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def fit(folder: Path, card: dict[str, Any]) -> bool:
    """Whether pins.json of a folder says nothing against this card: pins of other weights do not."""
    said = pinned(folder)
    return said is None or said.get("weights", card.get("sha256")) != card.get("sha256") or said == pins_of(card)


def _plain(value: Any) -> Any:
    """The value with every number a float, never -0.0: PostgreSQL's jsonb keeps no other difference of numbers."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return float(value) + 0.0 if isinstance(value, int | float) and not isinstance(value, bool) else value
