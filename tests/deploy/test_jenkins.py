"""Jenkins: every step is a target of the Makefile, every secret comes from outside."""

import os
import re
import subprocess

import pytest
import yaml

SECRET = re.compile(r"password|secret|privateKey$|token", re.IGNORECASE)
REFERENCE = re.compile(r"\$\{[\w:/]+\}")


@pytest.fixture(scope="module")
def jenkinsfile(root) -> str:
    return (root / "deploy/jenkins/Jenkinsfile").read_text()


@pytest.fixture(scope="module")
def casc(root) -> dict:
    return yaml.safe_load((root / "deploy/jenkins/casc.yaml").read_text())


@pytest.fixture(scope="module")
def compose(root) -> dict:
    return yaml.safe_load((root / "deploy/jenkins/compose.yaml").read_text())


def _leaves(node: object, path: tuple[str, ...] = ()):
    """(path, value) of every value in a parsed YAML file."""
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _leaves(inner, (*path, str(name)))
    elif isinstance(node, list):
        for inner in node:
            yield from _leaves(inner, path)
    else:
        yield path, node


def _steps(jenkinsfile: str) -> list[str]:
    return re.findall(r"^\s*sh\s+(.*)$", jenkinsfile, re.MULTILINE)


def test_the_pipeline_is_declarative_and_whole(jenkinsfile):
    code = re.sub(r"//.*|'[^'\n]*'", "", jenkinsfile)
    assert code.strip().startswith("pipeline {")
    assert code.count("{") == code.count("}") > 10
    assert re.findall(r"stage\('(\w+)'\)", jenkinsfile) == ["Lint", "Test", "Image", "Deploy"]
    assert not re.search(r"\b(script|node|bat|powershell)\s*[{(']", code)


def test_every_step_is_one_target_of_make(jenkinsfile):
    steps = _steps(jenkinsfile)
    assert len(steps) == jenkinsfile.count("steps {") == 4
    for step in steps:
        assert re.fullmatch(r"'make [a-z-]+'", step), f"{step} is more than a target"


def test_every_target_exists(root, jenkinsfile):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    for step in _steps(jenkinsfile):
        target = step.strip("'").split()[1]
        done = subprocess.run(["make", "-n", target], cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"make {target}: {done.stderr}"
        assert "Nothing to be done" not in done.stdout, f"{target} is a folder's name, not a target"


def test_only_main_is_deployed(jenkinsfile):
    for stage in ("Image", "Deploy"):
        body = jenkinsfile.split(f"stage('{stage}')")[1].split("stage(")[0]
        assert "when { branch 'main' }" in body


def test_the_deployments_secrets_are_a_credential_of_jenkins(jenkinsfile, casc):
    (name,) = re.findall(r"credentials\('([\w-]+)'\)", jenkinsfile)
    (domain,) = casc["credentials"]["system"]["domainCredentials"]
    kinds = {inner["id"]: kind for entry in domain["credentials"] for kind, inner in entry.items()}
    assert kinds[name] == "file"


def test_no_secret_is_written_out(casc):
    secrets = [(path, value) for path, value in _leaves(casc) if SECRET.search(path[-1])]
    assert len(secrets) >= 4
    for path, value in secrets:
        assert REFERENCE.fullmatch(value), f"{'.'.join(path)} is written out"


def test_every_name_it_uses_is_handed_to_it(casc, compose):
    jenkins = compose["services"]["jenkins"]
    given = set(jenkins["environment"]) | set(jenkins["secrets"])
    named = {name.removeprefix("readFileBase64:/run/secrets/") for name in re.findall(r"\$\{([^}]+)\}", str(casc))}
    assert named <= given
    assert set(jenkins["secrets"]) == set(compose["secrets"])


def test_its_own_secrets_are_required(compose):
    required = [compose["services"]["jenkins"]["environment"]["JENKINS_ADMIN_PASSWORD"]]
    required += [secret["file"] for secret in compose["secrets"].values()]
    assert len(required) == 4
    for value in required:
        assert re.fullmatch(r"\$\{\w+:\?set it in deploy/jenkins/\.env to [^}]+\}", value)


def test_nothing_is_built_beside_the_credentials_and_nobody_signs_up(casc):
    assert casc["jenkins"]["numExecutors"] == 0
    assert casc["jenkins"]["securityRealm"]["local"]["allowsSignup"] is False
    assert casc["jenkins"]["authorizationStrategy"]["loggedInUsersCanDoAnything"] == {"allowAnonymousRead": False}


def test_the_pipeline_runs_on_the_agent_that_is_configured(jenkinsfile, casc):
    (label,) = re.findall(r"agent \{ label '(\w+)' \}", jenkinsfile)
    assert [node["permanent"]["labelString"] for node in casc["jenkins"]["nodes"]] == [label]


def test_the_job_is_the_jenkinsfile(root, casc):
    (job,) = casc["jobs"]
    (path,) = re.findall(r"scriptPath\('([^']+)'\)", job["script"])
    assert (root / path).name == "Jenkinsfile"
    assert (root / path).is_file()
    assert job["script"].count("{") - job["script"].count("${") == job["script"].count("}") - job["script"].count("${")


def test_jenkins_listens_on_this_machine_alone(compose):
    assert compose["services"]["jenkins"]["ports"] == ["127.0.0.1:8080:8080"]


def test_its_image_holds_what_it_copies_and_no_more_rights(root):
    lines = (root / "deploy/jenkins/Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert copied == ["plugins.txt", "casc.yaml"]
    assert all((root / "deploy/jenkins" / name).is_file() for name in copied)
    assert lines[-1] == "USER jenkins"


def test_the_plugins_are_those_the_files_speak_of(root):
    plugins = (root / "deploy/jenkins/plugins.txt").read_text().split()
    assert len(plugins) == len(set(plugins))
    assert {"configuration-as-code", "job-dsl", "git", "ssh-slaves", "plain-credentials", "timestamper"} <= set(plugins)
