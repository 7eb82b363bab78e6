"""The embedded PostgreSQL: started, shared, killed and recovered, with the real server."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from waiting import wait_for

from stickersnap.embedded import postgres
from stickersnap.embedded.account import account_for
from stickersnap.embedded.processes import children, cluster_name, postmaster
from stickersnap.embedded.testing import throwaway


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder for one server, which is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="state-") as folder:
        Path(folder).chmod(0o711)
        path = Path(folder).resolve()
        yield path
        postgres.stop(path)


def start(state: Path) -> str:
    """A server that need not outlive the machine: quicker to make."""
    return postgres.start(state, durable=False)


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def pid_of(state: Path) -> int:
    return int((state / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def write_pid(state: Path, pid: int) -> None:
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        file = state / "postgres" / name
        file.write_text("\n".join([str(pid), *file.read_text().splitlines()[1:]]) + "\n")


def commit_rows(url: str, count: int = 100) -> None:
    query(url, f"CREATE TABLE kept AS SELECT n FROM generate_series(1, {count}) AS n")


def test_where_none_runs_there_is_no_url(tmp_path: Path) -> None:
    assert postgres.url(tmp_path) is None
    assert not postgres.running(tmp_path)
    postgres.stop(tmp_path)


def test_it_makes_the_database_and_says_where(state: Path) -> None:
    url = postgres.start(state)
    assert query(url, "SELECT current_database()") == [("stickersnap",)]
    assert postgres.url(state) == url
    assert postgres.running(state)


def test_started_again_it_is_the_same_server(state: Path) -> None:
    first = start(state)
    pid = pid_of(state)
    assert start(state) == first
    assert pid_of(state) == pid


def test_two_who_start_it_at_once_share_one(state: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stickersnap.embedded import postgres\n"
        "print(postgres.start(Path(sys.argv[1])))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, state], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=120)[0].strip() for process in both]
    # Both starters are gone; the server is not.
    assert answers == [postgres.url(state)] * 2
    assert query(answers[0], "SELECT 1") == [(1,)]


def test_nothing_acknowledged_waits_for_the_disk_later_and_no_network_is_listened_on(state: Path) -> None:
    url = postgres.start(state)
    assert query(url, "SHOW fsync") == [("on",)]
    assert query(url, "SHOW synchronous_commit") == [("on",)]
    assert query(url, "SHOW full_page_writes") == [("on",)]
    assert query(url, "SHOW listen_addresses") == [("",)]
    assert query(url, "SHOW server_encoding") == [("UTF8",)]
    assert not [c for c in psutil.Process(pid_of(state)).net_connections("inet") if c.status == psutil.CONN_LISTEN]


def test_only_its_account_may_enter_the_folder(state: Path) -> None:
    start(state)
    assert (state / "postgres").stat().st_mode & 0o077 == 0
    assert psutil.Process(pid_of(state)).uids().effective != 0


def test_stopped_it_leaves_no_process_and_keeps_its_rows(state: Path) -> None:
    commit_rows(start(state))
    pid = pid_of(state)
    postgres.stop(state)
    assert postgres.url(state) is None
    assert postmaster(state / "postgres", pid) is None
    assert not list(children(state / "postgres"))
    assert query(start(state), "SELECT count(*) FROM kept") == [(100,)]


def test_killed_it_recovers_at_once_with_every_committed_row(state: Path) -> None:
    url = postgres.start(state)
    commit_rows(url)
    os.kill(pid_of(state), signal.SIGKILL)
    assert postgres.start(state) == url
    assert query(url, "SELECT count(*) FROM kept") == [(100,)]


def test_killed_under_a_busy_backend_it_recovers(state: Path) -> None:
    url = start(state)
    commit_rows(url)
    told: list[Exception] = []

    def long_query() -> None:
        try:
            query(url, "SELECT count(*) FROM generate_series(1, 10000000000) AS n")
        except psycopg.OperationalError as error:
            told.append(error)

    client = threading.Thread(target=long_query)
    client.start()
    wait_for(
        lambda: (
            query(url, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%generate%10000%' AND pid <> pg_backend_pid()")
            != []
        )
    )
    os.kill(pid_of(state), signal.SIGKILL)
    assert query(start(state), "SELECT count(*) FROM kept") == [(100,)]
    client.join(timeout=60)
    assert told


def test_an_orphan_that_does_not_listen_is_killed(state: Path) -> None:
    url = start(state)
    commit_rows(url)
    frozen = next(child for child in children(state / "postgres") if "checkpointer" in " ".join(child.cmdline()))
    frozen.suspend()
    os.kill(pid_of(state), signal.SIGKILL)
    assert query(start(state), "SELECT count(*) FROM kept") == [(100,)]
    assert not frozen.is_running() or frozen.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("ended", [False, True], ids=["a stranger's process", "a zombie"])
def test_a_stale_pid_file_that_names_another_process_does_not_stop_it(state: Path, ended: bool) -> None:
    commit_rows(start(state))
    os.kill(pid_of(state), signal.SIGKILL)
    wait_for(lambda: not postgres.running(state) and not list(children(state / "postgres")))
    command = ["true"] if ended else ["sleep", "600"]
    stranger = subprocess.Popen(command, cwd="/", **account_for(state / "postgres").credentials())
    try:
        if ended:
            wait_for(lambda: psutil.Process(stranger.pid).status() == psutil.STATUS_ZOMBIE)
        write_pid(state, stranger.pid)
        assert not postgres.running(state)
        assert query(start(state), "SELECT count(*) FROM kept") == [(100,)]
        assert pid_of(state) != stranger.pid
        assert ended or stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_initialisation_that_was_killed_is_begun_anew(state: Path) -> None:
    half = state / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    assert query(start(state), "SELECT 1") == [(1,)]


def test_a_long_path_has_its_socket_elsewhere(state: Path) -> None:
    deep = state / ("long" * 25)
    deep.mkdir(mode=0o711)
    url = start(deep)
    try:
        folder = Path(tempfile.gettempdir()) / cluster_name(deep / "postgres")
        assert str(folder) in url
        assert folder.stat().st_mode & 0o777 == 0o700
        assert query(url, "SELECT 1") == [(1,)]
    finally:
        postgres.stop(deep)
    assert not folder.exists()


def test_a_path_with_spaces_and_quotes(state: Path) -> None:
    odd = state / "Anna's photos & more"
    odd.mkdir(mode=0o711)
    url = start(odd)
    try:
        assert query(url, "SELECT 1") == [(1,)]
    finally:
        postgres.stop(odd)


def test_the_shells_own_postgres_settings_are_not_ours(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nonexistent")
    monkeypatch.setenv("PGDATABASE", "other")
    assert query(start(state), "SELECT current_database()") == [("stickersnap",)]


def test_data_of_another_version_is_refused_with_a_cure(state: Path) -> None:
    start(state)
    postgres.stop(state)
    (state / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(postgres.PostgresError, match="pg_upgrade"):
        start(state)
    (state / "postgres" / "PG_VERSION").write_text("18\n")


def test_a_server_that_can_not_start_shows_its_log(state: Path) -> None:
    start(state)
    postgres.stop(state)
    (state / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(postgres.PostgresError, match=r"postgres\.log[\s\S]*pg_control"):
        start(state)


def test_the_throw_away_server_is_gone_afterwards() -> None:
    with throwaway() as url:
        assert query(url, "SHOW fsync") == [("off",)]
        folder = Path(str(query(url, "SHOW data_directory")[0][0]))
        assert folder.name == "postgres"
    assert not folder.parent.exists()
    with pytest.raises(psycopg.OperationalError):
        query(url, "SELECT 1")


def test_a_throw_away_server_whose_test_was_killed_goes_with_the_next() -> None:
    code = (
        "import time; from stickersnap.embedded.testing import throwaway\n"
        "with throwaway() as url: print(url, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    left_over = process.stdout.readline().strip()
    assert query(left_over, "SELECT 1") == [(1,)]
    process.kill()
    process.communicate()
    with throwaway():  # or that of a test beside this one
        pass
    with pytest.raises(psycopg.OperationalError):
        query(left_over, "SELECT 1")


def test_url_reads_one_file_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from stickersnap.embedded import postgres\n"
        "print([name for name in ('psycopg', 'psutil', 'django') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
