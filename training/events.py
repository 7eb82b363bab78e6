"""One JSON object a line on standard output: how a run tells what it does."""

from __future__ import annotations

import json
from typing import Any


def emit(event: str, **values: Any) -> None:
    """Prints one event; numbers are rounded to six digits after the point."""
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
    print(json.dumps({"event": event, **rounded}), flush=True)
