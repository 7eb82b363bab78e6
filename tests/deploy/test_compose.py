"""compose.yaml and its companions, as parsed files; `docker compose` reads them too where it is installed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY")
LONG_RUNNING = {"postgres", "web", "worker", "certbot", "nginx"}
SERVICE = {"web", "worker", "migrate"}
DUMMY = {
    "DJANGO_SECRET_KEY": "k" * 64,
    "POSTGRES_PASSWORD": "p" * 48,
    "POSTGRES_SERVING_PASSWORD": "s" * 48,
    "STICKERSNAP_DOMAIN": "snap.test",
    "LETSENCRYPT_EMAIL": "operator@snap.test",
}


@pytest.fixture(scope="module")
def text(root) -> str:
    return (root / "deploy/compose.yaml").read_text()


@pytest.fixture(scope="module")
def compose(text) -> dict:
    return yaml.safe_load(text)


@pytest.fixture(scope="module")
def services(compose) -> dict:
    return compose["services"]


def test_it_has_every_part(services):
    assert set(services) == LONG_RUNNING | {"migrate"}


def test_every_secret_is_required_and_says_what_to_set(text):
    secrets = [found for found in VARIABLE.finditer(text) if SECRET.search(found[1])]
    assert {found[1] for found in secrets} == {"DJANGO_SECRET_KEY", "POSTGRES_PASSWORD", "POSTGRES_SERVING_PASSWORD"}
    for name, operator, message in (found.groups() for found in secrets):
        assert operator == "?", f"{name} may be missing"
        assert "deploy/.env" in message


def test_no_value_is_a_literal_secret(services):
    for service in services.values():
        for name, value in service["environment"].items() if "environment" in service else ():
            if SECRET.search(name):
                assert value is None or VARIABLE.match(value), f"{name} is written out"
            if "@" in str(value):
                assert re.search(r"\$\{POSTGRES_(SERVING_)?PASSWORD:\?", value)


def test_who_serves_is_not_told_how_to_be_the_owner(services):
    for name in SERVICE:
        environment = services[name]["environment"]
        assert environment["DATABASE_URL"].startswith("postgresql://stickersnap_serving:${POSTGRES_SERVING_PASSWORD:?")
        assert ("DATABASE_OWNER_URL" in environment) == (name == "migrate")
        assert ("${POSTGRES_PASSWORD" in str(environment)) == (name == "migrate")


def test_every_setting_is_described_and_reaches_the_service(root, services):
    settings = (root / "platform/stickersnap/settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', settings))
    assert len(read) > 20
    described = set(re.findall(r"^(\w+)=", (root / ".env.example").read_text(), re.M))
    assert read - described == set()
    assert read - set(services["web"]["environment"]) == {"DATABASE_OWNER_URL"}


def test_nginx_alone_is_reached_from_outside(services):
    assert {name for name, service in services.items() if "ports" in service} == {"nginx"}
    assert services["nginx"]["ports"] == ["80:80", "443:443"]
    assert not any("network_mode" in service for service in services.values())


def test_the_database_is_on_a_network_without_outside_and_without_nginx(compose, services):
    assert compose["networks"]["data"] == {"internal": True}
    assert services["postgres"]["networks"] == ["data"]
    assert services["nginx"]["networks"] == services["certbot"]["networks"] == ["edge"]


def test_every_part_that_stays_up_tells_its_health_and_comes_back(services):
    for name in LONG_RUNNING:
        assert services[name]["healthcheck"]["test"], f"{name} has no health check"
        assert services[name]["restart"] == "unless-stopped"


def test_every_start_waits_for_health(services):
    waits = {name: service.get("depends_on", {}) for name, service in services.items()}
    assert waits["web"] == waits["worker"]
    assert set(waits["web"]) == {"postgres", "migrate"}
    assert set(waits["nginx"]) == {"web", "certbot"}
    for name, conditions in waits.items():
        for other, how in conditions.items():
            wanted = "service_completed_successfully" if other == "migrate" else "service_healthy"
            assert how == {"condition": wanted}, f"{name} does not wait for {other}"


def test_every_part_is_limited(services):
    for name, service in services.items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert "no-new-privileges:true" in service["security_opt"]


def test_weights_runs_and_datasets_outlive_their_containers(compose, services):
    for name in SERVICE:
        assert f"state:{services[name]['environment']['STICKERSNAP_STATE']}" in services[name]["volumes"]
    assert {"state", "postgres", "letsencrypt"} <= set(compose["volumes"])


def test_the_service_runs_as_in_production(services):
    environment = services["web"]["environment"]
    assert environment["STICKERSNAP_HTTPS"] == "1"
    assert environment["STICKERSNAP_DEBUG"] == "0"
    assert environment["STICKERSNAP_HOSTS"].startswith("${STICKERSNAP_DOMAIN:?")


def test_the_image_knows_every_command(root, services):
    entrypoint = (root / "deploy/docker/entrypoint.sh").read_text()
    for name in SERVICE:
        assert services[name]["command"] == [name]
        assert f"    {name}) exec " in entrypoint


def test_every_file_it_mounts_exists(root, services):
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    files = [name for name in mounted if name.startswith(".")]
    assert len(files) == 3
    for name in files:
        assert (root / "deploy" / name).exists(), name


def test_scripts_that_the_nginx_image_starts_are_executable(root):
    for script in (root / "deploy/nginx/entrypoint").iterdir():
        assert os.access(script, os.X_OK), f"the nginx image ignores {script.name}"


def test_nginxs_template_gets_every_variable_it_names(root, services):
    environment = services["nginx"]["environment"]
    template = (root / "deploy/nginx/templates/default.conf.template").read_text()
    named = set(re.findall(r"\$\{(\w+)\}", template))
    assert named <= set(environment)
    assert all(re.search(environment["NGINX_ENVSUBST_FILTER"], name) for name in named)


def test_images_are_named_by_version(services):
    images = {name: service["image"] for name, service in services.items() if name not in SERVICE}
    for name, image in images.items():
        assert re.search(r":v?\d", image), f"{name} runs {image}: name a version"


def test_the_example_names_every_variable(root, text):
    example = (root / "deploy/.env.example").read_text()
    required = set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    assert required == {found[1] for found in VARIABLE.finditer(text) if found[2] == "?"}
    known = set(re.findall(r"^#?(\w+)=", example, re.MULTILINE))
    used = {found[1] for found in VARIABLE.finditer(text)} - {"STICKERSNAP_IMAGE"}
    assert used <= known


def test_the_example_holds_no_secret(root):
    example = (root / "deploy/.env.example").read_text()
    for name, value in re.findall(r"^#?(\w+)=(.*)$", example, re.MULTILINE):
        assert not (SECRET.search(name) and value), f"{name} has a value"


def test_the_gpu_is_asked_for_and_must_be_used(root):
    override = yaml.safe_load((root / "deploy/compose.gpu.yaml").read_text())["services"]
    assert set(override) == {"web", "worker"}
    for service in override.values():
        assert service["environment"] == {"STICKERSNAP_DEVICE": "cuda"}
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def _docker_compose() -> list[str] | None:
    """`docker compose`, or the older separate program. Neither needs a running engine to read a file."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    return None


@pytest.fixture
def resolved(root, text, tmp_path):
    """What docker compose makes of the files and an environment: (exit status, output)."""
    command = _docker_compose()
    if command is None:
        pytest.skip("docker compose is not installed: apt-get install docker-compose, or Docker's own plugin")
    files = [root / "deploy/compose.yaml", root / "deploy/compose.gpu.yaml"]
    if command == ["docker-compose"]:  # version 1 has no word for the project's name
        shutil.copytree(root / "deploy", tmp_path / "deploy")
        files = [tmp_path / "deploy" / file.name for file in files]
        files[0].write_text(re.sub(r"^name: .*\n", "", text, flags=re.MULTILINE))

    def run(environment: dict[str, str], gpu: bool = False) -> tuple[int, str]:
        chosen = [argument for file in files[: 1 + gpu] for argument in ("--file", str(file))]
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [*command, "--project-name", "test", *chosen, "config"],
            env=kept | environment, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("gpu", [False, True])
def test_docker_compose_accepts_it(resolved, gpu):
    status, output = resolved(DUMMY, gpu)
    assert status == 0, output
    assert f"postgresql://stickersnap:{'p' * 48}@postgres:5432/stickersnap" in output
    assert ("STICKERSNAP_DEVICE: cuda" in output) == gpu
    assert ("driver: nvidia" in output) == gpu


@pytest.mark.parametrize("missing", DUMMY)
def test_docker_compose_refuses_to_start_without(resolved, missing):
    status, output = resolved({name: value for name, value in DUMMY.items() if name != missing})
    assert status != 0
    assert "set it in deploy/.env" in output


def test_make_deploy_waits_for_health(root: Path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    def commands(*words: str) -> str:
        done = subprocess.run(["make", "-n", *words], cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    plain, gpu = commands("deploy"), commands("deploy", "GPU=1")
    assert "up --detach --wait" in plain
    assert "--file deploy/compose.yaml" in plain
    assert "compose.gpu.yaml" not in plain
    assert "--file deploy/compose.gpu.yaml" in gpu
    assert "-cuda docker compose" in gpu
    assert "STICKERSNAP_IMAGE=stickersnap:older" in commands("deploy", "IMAGE=stickersnap:older")
    assert json.dumps("deploy/docker/Dockerfile")[1:-1] in commands("image")
