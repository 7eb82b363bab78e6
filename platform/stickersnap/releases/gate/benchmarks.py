"""Benchmarks: imported folders of pictures with masks on which every challenger is judged beside the held-out photos.

The files live in STATE/benchmarks/<name>/; the row holds their digest, by which the gate knows them.
"""

import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from segmentation import folders
from segmentation.manifest import ManifestError
from stickersnap.releases.exceptions import BenchmarkRefused
from stickersnap.releases.models import Benchmark


def benchmark_folder(name: str) -> Path:
    """Where the pictures of a benchmark lie."""
    return Path(settings.STATE) / "benchmarks" / name


def benchmarks() -> list[Benchmark]:
    """Those that challengers are judged on, by name."""
    return list(Benchmark.objects.filter(removed_at=None).order_by("name"))


def benchmark_folders() -> list[Path]:
    """Where those lie."""
    return [benchmark_folder(benchmark.name) for benchmark in benchmarks()]


def benchmark_add(*, name: str, folder: Path, by: str) -> Benchmark:
    """Copies images/ and masks/ of a folder, each pair checked, whole or not at all. Raises BenchmarkRefused."""
    if not name or slugify(name) != name or len(name) > 40:
        raise BenchmarkRefused(f"{name!r} is no name: lower-case letters, digits and hyphens, at most 40.")
    target = benchmark_folder(name)
    if Benchmark.objects.filter(name=name, removed_at=None).exists():
        raise BenchmarkRefused(f"There is a benchmark {name} already. `manage.py benchmark remove {name}` removes it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".arriving-") as aside:
            whole = Path(aside) / name
            for image, mask in folders.pairs(folder):
                for part, path in (("images", image), ("masks", mask)):
                    (whole / part).mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, whole / part / path.name)
            pictures, digest = folders.check(whole), folders.digest(whole)
            shutil.rmtree(target, ignore_errors=True)
            with transaction.atomic():
                benchmark = Benchmark.objects.create(name=name, digest=digest, pictures=pictures, by=by)
                whole.rename(target)
    except (ManifestError, OSError) as error:
        raise BenchmarkRefused(f"{folder} can't be a benchmark: {error}") from error
    except IntegrityError as error:
        raise BenchmarkRefused(f"Somebody added a benchmark {name} at the same moment.") from error
    return benchmark


def benchmark_remove(*, name: str) -> None:
    """Challengers are no longer judged on it; past decisions keep what they say of it. Raises BenchmarkRefused."""
    if not Benchmark.objects.filter(name=name, removed_at=None).update(removed_at=timezone.now()):
        raise BenchmarkRefused(f"There is no benchmark {name}. `manage.py benchmark list` shows those there are.")
    shutil.rmtree(benchmark_folder(name), ignore_errors=True)
