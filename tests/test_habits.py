"""What surrounds the code: hooks, pipelines, their configuration, and the quick ring of tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SCHEMAS = {
    ".github/workflows/test.yml": "vendor.github-workflows",
    ".github/renovate.json": "vendor.renovate",
}


@pytest.mark.parametrize("file", SCHEMAS)
def test_a_pipelines_file_is_what_its_reader_takes(file: str):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[file], str(ROOT / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_pipelines_and_hooks_run_what_a_person_runs():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    lines = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    lines += [hook["entry"] for repo in hooks for hook in repo["hooks"]]
    assert sorted(set(lines)) == ["make check", "make test"]
    assert {line.removeprefix("make ") for line in lines} <= targets()


def test_every_python_that_is_promised_is_tried():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    tried = workflow["jobs"]["test"]["strategy"]["matrix"]["python-version"]
    assert tried == ["3.11", "3.12", "3.13"]
    assert f'requires-python = ">={tried[0]}"' in (ROOT / "pyproject.toml").read_text()


def test_the_quick_ring_names_files_that_exist_and_need_no_service():
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    quick = re.search(r"^QUICK := (.+)$", makefile, re.MULTILINE)
    assert quick is not None
    files = quick.group(1).split()
    assert len(files) >= 15
    for file in files:
        text = (ROOT / file).read_text()
        assert not re.search(r"mark\.django_db", text), file
        asked = re.findall(r"^def \w+\((.*?)\)", text, re.MULTILINE | re.DOTALL)
        assert not re.search(r"\b(db|people|database_url|stack|service|besieged|page)\b", " ".join(asked)), file
