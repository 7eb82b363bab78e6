"""Which account of the operating system runs the embedded PostgreSQL.

PostgreSQL refuses to run as root. An ordinary user runs it as themselves; for root it runs as the owner of its
data folder or, when the folder is new, as a system user named ``stickersnap``.
"""

import logging
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from stickersnap.embedded.exceptions import PostgresError

NAME = "stickersnap"
log = logging.getLogger(__name__)


class Account(NamedTuple):
    uid: int
    gid: int
    borrowed: bool  # True where we are root and run PostgreSQL as somebody else

    def credentials(self) -> dict[str, Any]:
        """Keyword arguments of :func:`subprocess.run` that run a command as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}


def account_for(data: Path) -> Account:
    """The account that runs PostgreSQL on the folder ``data``, which need not exist yet.

    Raises:
        PostgresError: the folder belongs to somebody else, or no account can be made.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise PostgresError(f"{data} belongs to another user ({_name(owner)}). Run as that user, or chown it.")
        return Account(os.geteuid(), os.getegid(), borrowed=False)
    if owner == 0:
        raise PostgresError(f"PostgreSQL can't run as root, and {data} belongs to root. Try: chown -R {NAME} '{data}'")
    if owner is not None:
        return Account(owner, data.stat().st_gid, borrowed=True)
    entry = _system_user()
    return Account(entry.pw_uid, entry.pw_gid, borrowed=True)


def let_through(path: Path) -> None:
    """Let other accounts pass (not list) the folders that lead to ``path``; needs root."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("Letting other accounts pass through %s, so that PostgreSQL reaches %s.", folder, path)
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def let_read(tree: Path) -> None:
    """Let other accounts read and execute what is in ``tree``; needs root."""
    let_through(tree)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"uid {uid}"


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        pass
    if shutil.which("useradd") is None:
        raise PostgresError(
            f"PostgreSQL can't run as root. Make a system user named {NAME}, or run as an ordinary user."
        )
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        raise PostgresError(
            f"PostgreSQL can't run as root and no system user {NAME} could be made: {made.stderr.strip()}"
        ) from None
