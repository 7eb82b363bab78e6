"""The shape of the repository, as a test."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("segmentation", "training", "annotations", "platform/stickersnap")
MODULES = 24
"""How many modules one folder of sources holds at most: what a newcomer can take in at one look."""
TOP_LEVEL = ("platform", "segmentation", "training", "annotations", "deploy", "tests", "manage.py", "data.dvc")


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_the_top_level_holds(name: str):
    assert (ROOT / name).exists(), f"{name} is missing from the top level"


def test_platform_is_a_plain_folder():
    assert not (ROOT / "platform" / "__init__.py").exists()


@pytest.mark.parametrize("package", SOURCES)
def test_no_folder_of_sources_holds_more_than_one_can_take_in(package: str):
    folders = {path.parent for path in (ROOT / package).rglob("*.py") if path.parent.name != "migrations"}
    held = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders}
    crowded = {folder: modules for folder, modules in held.items() if modules > MODULES}
    assert not crowded, f"More than {MODULES} modules: {crowded}. Move those of one subject into a folder of their own."


def test_no_test_lives_under_platform():
    python = (ROOT / "platform" / "stickersnap").rglob("*.py")
    assert not [path for path in python if path.name.startswith("test_") or path.name == "conftest.py"]


def test_tests_are_no_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert not (ROOT / "tests" / "platform").exists()


def test_pythons_own_platform_module_is_the_one_imported():
    assert hasattr(platform, "python_version")
    run = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.python_version())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == platform.python_version()


def test_each_kind_in_the_security_table_names_tests_that_are_there():
    rows = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if line.startswith("| ")][1:]
    named = {row.split(" | ")[0]: re.findall(r"`(tests/[^`]+\.py)`", row) for row in rows}
    assert len(named) > 15
    assert [kind for kind, files in named.items() if not files] == []
    assert [file for files in named.values() for file in files if not (ROOT / file).is_file()] == []


def test_each_typical_change_names_files_that_are_there():
    """`docs/where-to-change.md`: a file, or a folder where its name ends in a slash."""
    rows = [line for line in (ROOT / "docs" / "where-to-change.md").read_text().splitlines() if line.startswith("| ")][
        1:
    ]
    assert len(rows) == 16
    for row in rows:
        named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|\.?[\w-]+\.(?:md|example))`", row)
        assert len(named) >= 3, row
        assert [name for name in named if not (ROOT / name).exists()] == [], row


@pytest.mark.parametrize("module", ["segmentation", "training", "annotations", "stickersnap"])
def test_importing_a_package_does_nothing(module: str):
    code = f"import sys, {module}; print(any(name in sys.modules for name in ('torch', 'django.db', 'mlflow')))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("module", ["segmentation.mask", "segmentation.manifest", "segmentation.picture"])
def test_masks_manifests_and_pictures_need_no_torch(module: str):
    code = f"import sys, {module}; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_web_process_and_the_worker_load_neither_torch_nor_mlflow_nor_dvc():
    """They take seconds and hundreds of megabytes each; they are imported where they are needed."""
    code = (
        "import os, sys\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'stickersnap.settings'\n"
        "from stickersnap import wsgi\n"
        "from django.urls import get_resolver\n"
        "from stickersnap.releases import tasks\n"
        "from annotations import tasks\n"
        "assert get_resolver().url_patterns\n"
        "print(sorted({'torch', 'mlflow', 'dvc', 'onnx', 'onnxruntime', 'sklearn', 'pandas'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_manage_check_passes_from_the_root():
    run = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_no_large_photograph_is_committed():
    """Nor anything else that is large, but for the shipped weights: `test_weights.py` bounds those."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    tracked = [ROOT / name for name in listing.stdout.split("\0") if name]
    large = [path for path in tracked if path.is_file() and path.stat().st_size > 6_000_000]
    assert [path for path in large if path.parent != ROOT / "segmentation" / "starter"] == []
