"""A DVC workspace without git: versions one folder and sends it to a remote (a folder, s3://…, anything DVC knows)."""

import json
import os
import shutil
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
RUN = """
import json, sys
from dvc.cli import main
for command in json.loads(sys.argv[1]):
    if status := main(command):
        sys.exit(status)
"""


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
            self._dvc(["init", "--no-scm", "--force", "--quiet"])
        config.write_text(CONFIG.format(remote=self.remote))

    def add_and_push(self) -> str:
        """Takes `data/` into the cache and sends to the remote what it lacks; answers the text of `data.dvc`."""
        self._dvc(["add", DATA, "--quiet"], ["push", f"{DATA}.dvc", "--quiet"])
        return (self.folder / f"{DATA}.dvc").read_text()

    def forget_state(self) -> None:
        """Removes what DVC remembers of files and locks, which a full disk may have cut short. The cache stays."""
        shutil.rmtree(self.folder / ".dvc" / "tmp", ignore_errors=True)

    def pull(self, text: str) -> Path:
        """Brings back the folder that a .dvc text names, into `data/`."""
        (self.folder / f"{DATA}.dvc").write_text(text)
        self._dvc(["pull", f"{DATA}.dvc", "--force", "--quiet"])
        return self.data

    def _dvc(self, *commands: list[str]) -> None:
        """Runs commands one after the other in one process, until one fails."""
        environment = {**os.environ, **QUIET, "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "tmp" / "site")}
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(commands)],
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
            said = "`, `dvc ".join(command[0] for command in commands)
            raise DvcError(f"`dvc {said}` failed in {self.folder}:\n{tail}")
