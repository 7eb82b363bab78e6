"""The role that serves does its work, and can neither switch rules off nor make, alter or empty a table."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from stickersnap.embedded import postgres
from stickersnap.embedded.testing import throwaway

ROOT = Path(__file__).parents[3]
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("migrate", verbosity=0)
"""
QUEUE = """
import django
django.setup()
from django.core.management import call_command
call_command("procrastinate", "worker", "--one-shot")
"""
JOBS = "SELECT status::text FROM procrastinate_jobs WHERE task_name LIKE '%runs_sweep'"
WORK = """
import django
django.setup()
from procrastinate.contrib.django import app
from stickersnap.accounts.models import User
from stickersnap.embedded import roles
from stickersnap.releases import selectors, services
from stickersnap.releases.doctor import checkup
from stickersnap.releases.weights import registry
from stickersnap.releases.models import HoldoutLook, RetrainPolicy, TrainingRun
assert roles.present().serves_alone, roles.present()
print(checkup.role().sentence)
services.starter_deploy()
assert selectors.deployment_current() is not None
app.configure_task("stickersnap.releases.tasks.runs_sweep").defer(timestamp=0)
TrainingRun.objects.create(network="basnet-small", minutes=1, requested_by="x", state="failed").delete()
User.objects.create_user("olga", password="olga-operates-10").delete()
uri, environment = registry.tracking_prepare()
assert uri, "MLflow can't be had"
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "stickersnap.settings", "STICKERSNAP_DEVICE": "cpu"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(environment of the service, its URL, the owner's) of a database that both roles know."""
    with throwaway() as owner:
        serving = owner.replace(f"://{postgres.SUPERUSER}@", f"://{postgres.SERVING}@")
        state = str(tmp_path_factory.mktemp("state"))
        environment = {"STICKERSNAP_STATE": state, "MLFLOW_TRACKING_URI": "", "DATABASE_URL": serving}
        run(PREPARE, **environment, DATABASE_OWNER_URL=owner)
        yield {**environment, "DATABASE_OWNER_URL": ""}, serving, owner


def test_it_does_all_that_serving_needs(place):
    said = run(WORK, **place[0])
    assert "stickersnap serves; it owns no table and is no superuser." in said
    with psycopg.connect(place[1], autocommit=True) as connection:
        assert connection.execute(JOBS).fetchall() == [("todo",)]
        run(QUEUE, **place[0])
        assert connection.execute(JOBS).fetchall() == [], "the queue did the job, and deleted what succeeded"


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "ALTER TABLE releases_deployment DISABLE TRIGGER ALL",
        "DROP TRIGGER deployment_kept ON releases_deployment",
        "DROP TABLE releases_deployment",
        "ALTER TABLE releases_deployment OWNER TO stickersnap",
        "CREATE OR REPLACE FUNCTION releases_kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "TRUNCATE releases_deployment CASCADE",
        "TRUNCATE annotations_photo CASCADE",
        "TRUNCATE procrastinate_jobs CASCADE",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine SUPERUSER",
        "ALTER ROLE stickersnap SUPERUSER",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "UPDATE releases_promotiondecision SET passed = true",
        "DELETE FROM releases_deployment",
        "DELETE FROM releases_rollout",
        "UPDATE releases_approval SET approved = true",
        "DELETE FROM releases_holdoutlook",
        "DELETE FROM django_migrations",
        "SELECT setval('releases_run_token', 1)",
        "COPY releases_deployment TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_it_may_not(place, statement):
    with (
        psycopg.connect(place[1]) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_one_role_for_both_works_and_doctor_says_so(place):
    code = "import django; django.setup(); from stickersnap.releases.doctor import checkup; print(checkup.role())"
    said = run(code, **{**place[0], "DATABASE_URL": place[2]})
    assert "Health.NOTE" in said
    assert "a superuser of PostgreSQL" in said


def test_an_mlflow_database_from_before_there_were_two_becomes_the_serving_roles(place):
    with psycopg.connect(place[2], dbname="mlflow") as own:
        own.execute("CREATE TABLE runs_of_old (id serial PRIMARY KEY)")
    run(PREPARE, **{**place[0], "DATABASE_OWNER_URL": place[2]})
    with psycopg.connect(place[1], dbname="mlflow") as own:
        own.execute("ALTER TABLE runs_of_old ADD COLUMN name text")
