"""The Dockerfile, parsed; and what it copies, run: everything the service needs is in the image."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def text(root) -> str:
    return (root / "deploy/docker/Dockerfile").read_text()


@pytest.fixture(scope="module")
def stages(text) -> dict[str, list[Instruction]]:
    """Name of each stage → its instructions, comments and line ends taken out; "" holds what precedes the first."""
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    found: dict[str, list[Instruction]] = {"": []}
    for line in filter(None, lines):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found[rest.split(" AS ")[1]] = []
        found[list(found)[-1]].append((word, rest))
    return found


def _copied(instructions: list[Instruction]) -> list[tuple[list[str], str]]:
    """(sources, target) of each COPY out of the tree."""
    copies = [rest.split() for word, rest in instructions if word == "COPY" and not rest.startswith("--from")]
    return [(words[:-1], words[-1]) for words in copies]


def _ignored(root: Path, path: str) -> bool:
    """What Docker makes of .dockerignore: the last line that matches a path or a folder above it decides."""
    ignored = False
    for line in (root / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if not line or line.startswith("#"):
            continue
        above = [path, *map(str, Path(path).parents)]
        names = [Path(name).name for name in above] if "**/" in line else above
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            ignored = not line.startswith("!")
    return ignored


def test_it_runs_as_an_ordinary_user(stages):
    assert [rest for word, rest in stages["runtime"] if word == "USER"] == ["stickersnap"]
    assert list(stages)[-1] == "runtime"
    made = next(rest for word, rest in stages["runtime"] if word == "RUN" and "useradd" in rest)
    assert "--uid 10001" in made


def test_it_tells_its_health(root, stages):
    (check,) = [rest for word, rest in stages["runtime"] if word == "HEALTHCHECK"]
    script = re.findall(r'"(deploy/\S+)"', check)[0]
    assert '"/healthz"' in (root / script).read_text()


def test_it_is_built_for_the_cpu_or_for_a_gpu(stages):
    assert ("ARG", "TORCH=cpu") in stages[""]
    assert {"venv-cpu", "venv-cuda"} <= set(stages)
    assert stages["packages"] == [("FROM", "venv-${TORCH} AS packages")]
    assert ("ARG", "TORCH_INDEX") in stages["venv-cpu"]
    refusal = next(rest for word, rest in stages["venv-cpu"] if word == "RUN")
    assert refusal.startswith('test -n "$TORCH_INDEX" ||')


def test_it_names_no_registry_and_no_secret(text, stages):
    assert "://" not in text
    settings = [rest for stage in stages.values() for word, rest in stage if word in ("ARG", "ENV")]
    assert settings
    assert not [setting for setting in settings if re.search(r"PASSWORD|SECRET|TOKEN|_KEY", setting)]


def test_its_torch_is_the_pinned_one(root):
    pinned = re.findall(r"^torch==[0-9.]*", (root / "constraints.txt").read_text(), re.MULTILINE)
    assert len(pinned) == 1


def test_every_path_it_copies_is_there_and_sent_to_the_build(root, stages):
    sources = [source for stage in stages.values() for sources, _ in _copied(stage) for source in sources]
    assert len(sources) > 10
    for source in sources:
        path = source.rstrip("/")
        assert (root / path).exists(), f"{path} is not in the tree"
        assert not _ignored(root, path), f".dockerignore keeps {path} from the build"


KEPT_OUT = """
    .env deploy/.env deploy/jenkins/.env deploy/docker/.env platform/frontend/.env.local var/secret_key
    .git/config .venv/bin/python data/images/1.jpg platform/frontend/node_modules/vue
"""


@pytest.mark.parametrize("path", KEPT_OUT.split())
def test_secrets_and_ballast_stay_out_of_the_build(root, path):
    assert _ignored(root, path)


@pytest.fixture(scope="module")
def image(root, stages, tmp_path_factory) -> Path:
    """A folder with exactly the files that the image's /app has."""
    app = tmp_path_factory.mktemp("image") / "app"
    ignore = shutil.ignore_patterns("__pycache__", ".env*")
    for sources, target in _copied(stages["runtime"]):
        for source in sources:
            if (root / source).is_dir():
                shutil.copytree(root / source, app / target, ignore=ignore)
            else:
                place = app / target / Path(source).name if target.endswith("/") else app / target
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / source, place)
    return app


@pytest.fixture
def environment(image, tmp_path, database_url, free_port) -> dict[str, str]:
    """The container's environment: its packages come before those of the tree."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {
        "PATH": path,
        "PYTHONPATH": f"{image}:{image / 'platform'}",
        "DJANGO_SECRET_KEY": "only-for-this-test-" * 3,
        "DATABASE_URL": database_url,
        "STICKERSNAP_STATE": str(tmp_path),
        "STICKERSNAP_HOSTS": "snap.test",
        "STICKERSNAP_HTTPS": "1",
        "STICKERSNAP_DEVICE": "cpu",
        "WEB_BIND": f"127.0.0.1:{free_port()}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
    }


def _run(image: Path, environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True)


@pytest.mark.timeout(300)
def test_the_image_migrates_serves_and_works(image, environment, wait_until):
    """migrate, then web until it is healthy, then the worker's health check: as compose.yaml does."""
    done = _run(image, environment, "sh", "deploy/docker/entrypoint.sh", "migrate")
    assert done.returncode == 0, done.stderr
    away = _run(image, environment, "python", "deploy/docker/healthcheck.py")
    assert away.returncode == 1
    assert "does not answer" in away.stderr
    web = subprocess.Popen(["sh", "deploy/docker/entrypoint.sh", "web"], cwd=image, env=environment)
    try:
        wait_until(
            lambda: (
                web.poll() is not None
                or _run(image, environment, "python", "deploy/docker/healthcheck.py").returncode == 0
            ),
            120,
        )
        assert web.poll() is None
    finally:
        web.terminate()
        assert web.wait() == 0
    worker = _run(image, environment, "python", "manage.py", "procrastinate", "healthchecks")
    assert worker.returncode == 0, worker.stderr


def test_the_image_can_train(image, environment):
    done = _run(image, environment, "python", "-m", "training", "--help")
    assert done.returncode == 0, done.stderr
    assert "fine-tune" in done.stdout


def test_the_image_runs_any_other_command_and_asks_for_one(image, environment):
    assert _run(image, environment, "sh", "deploy/docker/entrypoint.sh", "echo", "hello").stdout == "hello\n"
    nothing = _run(image, environment, "sh", "deploy/docker/entrypoint.sh")
    assert nothing.returncode == 2
    assert "Say web, worker, migrate" in nothing.stderr
