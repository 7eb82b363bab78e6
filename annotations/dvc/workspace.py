"""A DVC workspace without git: versions one folder and sends it to a remote (a folder, s3://…, anything DVC knows)."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DATA = "data"
FULL = 1 << 20
"""Bytes free, under which a disk is full."""
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
    url = "{remote}"
"""  # a hard link costs no space and no time; files of the folder are replaced, never written in place
# Seconds of one attempt. Each is made several times over (AWS_MAX_ATTEMPTS): a silent store is given up in minutes.
FOR_S3 = "    connect_timeout = 10\n    read_timeout = 30\n"


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
        """Makes the workspace, or tells an old one where the remote is by now. Raises DvcError, OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / ".dvc" / "config"
        config.parent.mkdir(exist_ok=True)
        config.write_text(CONFIG.format(remote=self.remote) + (FOR_S3 if self.remote.startswith("s3://") else ""))
        if remote_in(config) != self.remote:
            raise DvcError(f"DVC can't be told of the remote {self.remote!r}: name one without line breaks and %(…)s.")

    def add_and_push(self, base: str | None = None) -> str:
        """Takes `data/` into the cache and sends to the remote what it lacks; answers the text of `data.dvc`.

        `base` is the text of a version that the remote has whole: files that were in it are neither read nor sent.
        """
        self._python("-m", "annotations.dvc.objects", given=base)
        return self.text()

    def text(self) -> str:
        """The .dvc text that `data/` was added or brought back by last; empty where there is none."""
        path = self.folder / f"{DATA}.dvc"
        return path.read_text() if path.exists() else ""

    def purge(self, texts: list[str], names: list[str]) -> tuple[int, str]:
        """Removes files from `data/`, the cache and the remote, for good; answers how many there were.

        `texts` are the .dvc texts of folders that held them, `names` the files' names without their endings. The second
        answer says what is left elsewhere, empty for nothing.
        """
        done = json.loads(self._python("-m", "annotations.dvc.purging", given=(texts, names)))
        return int(done["files"]), str(done["left"])

    def probe(self, seconds: float) -> str:
        """Writes, reads and deletes a small file in the remote; answers what it refuses though it can be used.

        Raises DvcError: it can't be used, or did not answer in so many seconds.
        """
        return self._python("-m", "annotations.dvc.probing", given=None, seconds=seconds)

    def forget_state(self) -> None:
        """Removes what DVC remembers of files and locks, which a full disk may have cut short. The cache stays."""
        shutil.rmtree(self.folder / ".dvc" / "tmp", ignore_errors=True)

    def pull(self, text: str) -> Path:
        """Brings back the folder that a .dvc text names, into `data/`. Raises DvcError with what is missing."""
        (self.folder / f"{DATA}.dvc").write_text(text)
        self._python("-m", "annotations.dvc.restoring", given=None)
        return self.data

    def _python(self, *arguments: str, given: object, seconds: float | None = None) -> str:
        """Runs Python with DVC, in a process of its own; answers what it printed last."""
        environment = {**os.environ, **QUIET, "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "tmp" / "site")}
        try:
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=self.folder,
                env=environment,
                input=json.dumps(given),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DvcError(f"The DVC remote {self.remote} did not answer in {error.timeout:.0f} s.") from error
        if done.returncode != 0:
            told = said(done.stdout + done.stderr) + no_room(self.folder)
            raise DvcError(f"DVC failed in {self.folder}, remote {self.remote}:\n{told}")
        return done.stdout.strip().rpartition("\n")[2]


def no_room(folder: Path) -> str:
    """Whether the disk is full, in words: what failed for it may say anything, as SQLite's "disk I/O error"."""
    free = shutil.disk_usage(folder).free
    return f"\nThe disk of {folder} is full ({free:,} bytes are free): make room there." if free < FULL else ""


def remote_in(config: Path) -> str:
    """The remote's address as DVC will read it: a value that isn't quoted ends at a `#`. Empty if it can't be read."""
    import configobj  # comes with DVC

    try:
        return str(configobj.ConfigObj(str(config), encoding="utf-8")['remote "storage"']["url"])
    except (configobj.ConfigObjError, KeyError):
        return ""


def said(output: str) -> str:
    """The end of what a process printed; of an exception's trace only its last lines, the message."""
    lines = output.strip().splitlines()[-8:]
    traced = max((i for i, line in enumerate(lines) if line.startswith("  ")), default=-1)
    message = "\n".join(lines[traced + 1 :] or lines)
    return message if message.endswith((".", "!", "?")) else f"{message}."
