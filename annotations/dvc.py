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
(commands,) = json.load(sys.stdin)
for command in commands:
    if status := main(command):
        print(f"This was `dvc {command[0]}`.")
        sys.exit(status)
"""
PURGE = """
import json, pathlib, sys, yaml
from dvc.repo import Repo
from dvc_data.hashfile.db import get_index
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.transfer import find_tree_by_obj_id
texts, names = json.load(sys.stdin)
names, oids = set(names), set()
with Repo() as repo:
    remote, cache = repo.cloud.get_remote_odb(), repo.cache.local
    for text in texts:
        out = yaml.safe_load(text)["outs"][0]
        tree = find_tree_by_obj_id([cache, remote], HashInfo("md5", out["md5"]))
        if tree is None:
            sys.exit(f"Neither the remote nor the cache has the list of files {out['md5']}.")
        oids |= {hash_info.value for key, _, hash_info in tree if key[-1].partition(".")[0] in names}
    there = set()
    for odb in (remote, cache):
        found = {oid for oid in oids if odb.fs.exists(odb.oid_to_path(oid))}
        for oid in found:
            odb.delete(oid)
        there |= found
    get_index(remote).clear()
for path in pathlib.Path("data").glob("*/*"):
    if path.stem in names:
        path.unlink()
print(len(there))
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

    def purge(self, texts: list[str], names: list[str]) -> int:
        """Removes files from `data/`, the cache and the remote, for good; answers how many there were.

        `texts` are the .dvc texts of folders that held them, `names` the files' names without their endings.
        """
        return int(self._python(PURGE, texts, names))

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
        self._python(RUN, commands)

    def _python(self, script: str, *arguments: object) -> str:
        """Runs a script that uses DVC, in a process of its own; answers what it printed last."""
        environment = {**os.environ, **QUIET, "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "tmp" / "site")}
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.folder,
            env=environment,
            input=json.dumps(arguments),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
            raise DvcError(f"DVC failed in {self.folder}:\n{tail}")
        return done.stdout.strip().rpartition("\n")[2]
