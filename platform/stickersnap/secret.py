"""The install's own secret key."""

import os
import secrets
from pathlib import Path


class SecretKeyError(ValueError):
    """The secret key is one that anybody could guess."""


def secret_key(given: str, state: Path) -> str:
    """`given` if it is long enough, else the key kept in `state/secret_key`, made at first use (mode 0600).

    Raises SecretKeyError for a given key of under 32 characters or one of Django's placeholder keys.
    """
    if given:
        if len(given) < 32 or given.startswith("django-insecure"):
            raise SecretKeyError("DJANGO_SECRET_KEY must be at least 32 random characters: `openssl rand -base64 48`.")
        return given
    path = state / "secret_key"
    if not path.exists():
        state.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.touch(mode=0o600)
        aside.write_text(secrets.token_urlsafe(48))
        try:
            os.link(aside, path)
        except FileExistsError:
            pass  # another process made it first: its key counts
        finally:
            aside.unlink()
    return path.read_text().strip()
