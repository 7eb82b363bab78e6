"""A DVC workspace without git: versions one folder and sends it to a remote (a folder, s3://…, anything DVC knows)."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DATA = "data"
QUIET = {"DVC_NO_ANALYTICS": "1", "DVC_CHECK_UPDATE": "false"}
CONFIG = """\
[core]
    no_scm = true
    analytics = false
    check_update = false
    remote = storage
[cache]
    type = "reflink,hardlink,copy"
[remote "storage"]
    url = {remote}
"""  # a hard link costs no space and no time; files of the folder are replaced, never written in place


class DvcError(Exception):
    """DVC could not do what it was asked; the message is the end of what it printed."""


@dataclass(frozen=True)
class Workspace:
    """`folder` holds `data/`, `data.dvc` and DVC's own files; `remote` is a path or a URL."""

    folder: Path
    remote: str

    @property
    def data(self) -> Path:
        return self.folder / DATA

    def ensure(self) -> None:
        """Makes the workspace, or tells an old one where the remote is by now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / ".dvc" / "config"
        if not config.exists():
            self._dvc("init", "--no-scm", "--force", "--quiet")
        config.write_text(CONFIG.format(remote=self.remote))

    def add(self) -> str:
        """Takes `data/` into the cache; answers the text of `data.dvc`."""
        self._dvc("add", DATA, "--quiet")
        return (self.folder / f"{DATA}.dvc").read_text()

    def push(self) -> None:
        """Sends what `data.dvc` names to the remote; what is there already is not sent again."""
        self._dvc("push", f"{DATA}.dvc", "--quiet")

    def pull(self, text: str) -> Path:
        """Brings back the folder that a .dvc text names, into `data/`."""
        (self.folder / f"{DATA}.dvc").write_text(text)
        self._dvc("pull", f"{DATA}.dvc", "--force", "--quiet")
        return self.data

    def _dvc(self, *arguments: str) -> None:
        environment = {**os.environ, **QUIET, "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "tmp" / "site")}
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
            raise DvcError(f"`dvc {arguments[0]}` failed in {self.folder}:\n{tail}")
