"""What the benchmarks share: the photos, a folder for the servers, and the notebook that the report is written from."""

import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def notes(request: pytest.FixtureRequest) -> Iterator[dict]:
    """Everything measured in this run; `BENCH_WRITE=1` writes docs/benchmarks/service.md and its plot from it."""
    import report

    found: dict = {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "bars": []}
    if remark := os.environ.get("BENCH_REMARK"):
        found["remark"] = remark
    yield found
    print(report.bars(found["bars"]))
    if os.environ.get("BENCH_WRITE") == "1":
        print(f"Written: {report.write(found)}")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where servers keep their state and their logs."""
    place = tmp_path_factory.mktemp("bench")
    for passed in (place, *place.parents[:2]):
        passed.chmod(0o711)  # root's PostgreSQL runs as another account, which must pass
    return place


@pytest.fixture(scope="session")
def photos(folder: Path) -> dict[str, list[Path]]:
    """By kind: see photographs.prepare."""
    import photographs

    return photographs.prepare(folder)
