"""Removes files of dataset versions for good: from `data/`, from DVC's cache, from the remote.

Run as `python -m annotations.dvc.purging` in a workspace. Stdin has [the .dvc texts of the versions, the files' names
without their endings]; the last line of stdout is {"files": how many there were, "left": what is left elsewhere}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.db import get_index
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.transfer import find_tree_by_obj_id


class Unpurged(Exception):
    """Something is still there; the message says what and why."""


def purge(texts: list[str], names: set[str]) -> dict[str, object]:
    """Removes the files; what is gone already is no obstacle. Raises Unpurged, OSError, DvcException."""
    with Repo() as repo:
        remote, cache = repo.cloud.get_remote_odb(), repo.cache.local
        lists = [HashInfo("md5", yaml.safe_load(text)["outs"][0]["md5"]) for text in texts]
        oids = {oid for listed in lists for oid in held(listed, [cache, remote], names)}
        there = remove(remote, oids) | remove(cache, oids)
        left = remove_versions(remote.fs, [remote.oid_to_path(oid) for oid in sorted(oids)])
        get_index(remote).clear()
        elsewhere = sum(not remote.exists(listed.value) for listed in lists)
    for path in Path("data").glob("*/*"):
        if path.stem in names:
            path.unlink()
    if elsewhere == len(lists):
        raise Unpurged("None of these versions is in this remote. Set DVC_REMOTE to the one that they were sent to.")
    if elsewhere:
        left += (
            f" {elsewhere} of these {len(lists)} versions are not in this remote: set DVC_REMOTE to the one that they "
            "were sent to, and purge there, too."
        )
    return {"files": len(there), "left": left.strip()}


def held(listed: HashInfo, stores: list[Any], names: set[str]) -> set[str]:
    """MD5s of these files in a version's list."""
    tree = find_tree_by_obj_id(stores, listed)
    if tree is None:
        raise Unpurged(f"Neither the remote nor the cache has the list of files {listed.value}.")
    return {entry.value for key, _, entry in tree if key[-1].partition(".")[0] in names}


def remove(store: Any, oids: set[str]) -> set[str]:
    """Removes objects, and looks whether they are gone: s3fs is silent about what it may not delete."""
    there = present(store, oids)
    if there:
        store.fs.rm([store.oid_to_path(oid) for oid in there])
    if left := present(store, there):
        raise Unpurged(f"{len(left)} of {len(there)} files may not be deleted from {store.path}.")
    return there


def present(store: Any, oids: set[str]) -> set[str]:
    ordered = sorted(oids)
    if hasattr(store.fs.fs, "invalidate_cache"):
        store.fs.fs.invalidate_cache()
    found = store.fs.exists([store.oid_to_path(oid) for oid in ordered]) if ordered else []
    return {oid for oid, is_there in zip(ordered, found, strict=True) if is_there}


def remove_versions(fs: Any, paths: list[str]) -> str:
    """Removes what a bucket with versions keeps of deleted objects; says what it may not, empty where nothing is left.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
    """
    if fs.protocol != "s3":
        return ""
    kept, why = 0, ""
    for path in paths:
        bucket, _, key = path.partition("/")
        try:
            listed = fs.fs.call_s3("list_object_versions", Bucket=bucket, Prefix=key)
        except OSError as error:
            return f"Whether the bucket keeps older versions of them could not be seen: {error} Look there."
        # Markers go last: without them an older version would be the newest.
        for version in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]:
            try:
                fs.fs.call_s3("delete_object", Bucket=bucket, Key=key, VersionId=version["VersionId"])
            except OSError as error:
                kept, why = kept + 1, str(error)
    if not kept:
        return ""
    return f"The bucket keeps {kept} older versions of them: {why} Remove them there, or have them expire."


def main() -> None:
    try:
        texts, names = json.load(sys.stdin)
        print(json.dumps(purge(texts, set(names))))
    except (OSError, DvcException, Unpurged) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
