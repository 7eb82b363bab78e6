"""Brings back the folder that data.dvc names, into data/, and says in words why it can't.

Run as `python -m annotations.dvc.restoring` in a workspace.
"""

from __future__ import annotations

import errno
import sys
from typing import Any

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.transfer import find_tree_by_obj_id

from annotations.dvc.objects import TEXT

NAMED = 5  # files that a message names; of more it tells how many


def restore() -> str:
    """Empty, or why the folder could not be brought back."""
    with Repo() as repo:
        try:
            repo.pull(targets=[str(TEXT)], force=True)
        except (OSError, DvcException) as error:
            return reason(repo, error)
    return ""


def reason(repo: Any, error: Exception) -> str:
    """What went wrong, as somebody needs it who is to mend it."""
    if is_full(error):
        return f"A disk is full: make room on that of {repo.root_dir}, or of the remote."
    remote, cache = repo.cloud.get_remote_odb(), repo.cache.local
    listed = HashInfo("md5", yaml.safe_load(TEXT.read_text())["outs"][0]["md5"])
    tree = find_tree_by_obj_id([cache, remote], listed)
    if tree is None:
        return f"The remote {remote.path} lacks the version's list of files, {remote.oid_to_path(listed.value)}."
    files = {entry.value: "/".join(key) for key, _, entry in tree}
    there = set(cache.oids_exist(list(files)))
    there |= set(remote.oids_exist([oid for oid in files if oid not in there]))
    if missing := sorted((name, oid) for oid, name in files.items() if oid not in there):
        some = ", ".join(f"{name} ({remote.oid_to_path(oid)})" for name, oid in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        return f"The remote {remote.path} lacks {len(missing)} of {len(files)} files: {some}{more}. Put them back."
    return str(error)


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came of, is about room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def main() -> None:
    try:
        wrong = restore()
    except (OSError, DvcException) as error:
        wrong = str(error)
    if wrong:
        sys.exit(wrong)


if __name__ == "__main__":
    main()
