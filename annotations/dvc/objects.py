"""What `dvc add` and `dvc push` do to a dataset folder, at the cost of what is new in it.

DVC compares every file with what it remembers of each. Here names under images/ and masks/ are those of their bytes:
what an earlier version had is known by its name, and the remote that has that version's list has its files, as DVC
has it, too. The `.dvc` text, the cache and the remote are those that the two commands make.

Run as `python -m annotations.dvc.objects` in a workspace; stdin has the `.dvc` text of an earlier version, or `null`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.db import add_update_tree
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.transfer import find_tree_by_obj_id
from dvc_data.hashfile.tree import Tree

DATA, TEXT = Path("data"), Path("data.dvc")
NAMED_BY_BYTES = ("images", "masks")
FORMAT = "outs:\n- md5: {oid}\n  size: {size}\n  nfiles: {count}\n  hash: md5\n  path: data\n"


class Unsent(Exception):
    """The remote did not take everything; the message names how much and why."""


def add_and_push(base: str | None) -> str:
    """Takes data/ into the cache, sends to the remote what it lacks, writes data.dvc; answers its text.

    `base`: the text of a version that the remote has whole. Raises OSError, DvcException, Unsent, and data.dvc stays.
    """
    with Repo() as repo, repo.lock:
        cache, remote = repo.cache.local, repo.cloud.get_remote_odb()
        known = held(cache, remote, base)
        tree, size = Tree(), 0
        new: dict[str, str] = {}
        for key, path in files(DATA):
            size += path.stat().st_size
            oid = known.get(key)
            if oid is None:
                new[oid := md5(path)] = str(path.absolute())
            tree.add(key, None, HashInfo("md5", oid))
        tree.digest()
        cache.add(list(new.values()), cache.fs, list(new), hardlink=True)
        add_update_tree(cache, tree)
        send(cache, remote, set(new) - set(remote.oids_exist(list(new)) if new else ()))
        send(cache, remote, {tree.oid})
    text = FORMAT.format(oid=tree.oid, size=size, count=len(tree))
    aside = TEXT.with_suffix(".writing")
    aside.write_text(text)
    aside.replace(TEXT)
    return text


def held(cache: Any, remote: Any, base: str | None) -> dict[tuple[str, ...], str]:
    """The MD5 of each picture that the remote has by `base`, by its path's parts; none if it has not even its list."""
    if base is None:
        return {}
    oid = HashInfo("md5", yaml.safe_load(base)["outs"][0]["md5"])
    if not remote.exists(oid.value) or (tree := find_tree_by_obj_id([cache, remote], oid)) is None:
        return {}
    return {key: entry.value for key, _, entry in tree if key[0] in NAMED_BY_BYTES}


def files(folder: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Every file of a folder with its path's parts below it."""
    for place, _, names in os.walk(folder):
        above = Path(place).relative_to(folder).parts
        for name in names:
            yield (*above, name), Path(place, name)


def md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def send(cache: Any, remote: Any, oids: set[str]) -> None:
    """Copies objects from the cache to the remote. Raises Unsent."""
    failed: list[BaseException] = []
    paths = [cache.oid_to_path(oid) for oid in oids]
    if paths:
        remote.add(paths, cache.fs, list(oids), check_exists=False, on_error=lambda _, error: failed.append(error))
    if failed:
        raise Unsent(f"{len(failed)} of {len(oids)} files could not be sent to the remote: {failed[0]}")


def main() -> None:
    try:
        add_and_push(json.load(sys.stdin))
    except (OSError, DvcException, Unsent) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
