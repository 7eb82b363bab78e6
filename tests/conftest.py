"""A real PostgreSQL for every test that touches the database: the one in DATABASE_URL, else a throw-away server."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dj_database_url
import numpy as np
import pytest
from django.test import override_settings
from PIL import Image

TOGETHER = {"e2e": "browser", "siege": "siege", "test_forms": "forms"}
"""Folders (or beginnings of file names) whose tests share something dear: a running service, an exported graph."""
FIRST = ("loop", "siege", "e2e", "deploy")


def pytest_configure(config: pytest.Config) -> None:
    """A worker among several leaves the other cores to the others, and so does what it starts."""
    if hasattr(config, "workerinput"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers a file stays on one of them, and so do files that share a service; the longest go first."""
    if config.getoption("dist", "no") == "no":
        return
    items.sort(key=lambda item: next((i for i, part in enumerate(FIRST) if part in item.path.parts), len(FIRST)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(owner_of(item.path)))


def owner_of(path: Path) -> str:
    """The group of a file of tests: its own, or that of all who share what it needs."""
    shared = (group for part, group in TOGETHER.items() if part in path.parts or path.name.startswith(part))
    return next(shared, str(path.relative_to(Path(__file__).parent)))


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    from stickersnap.embedded.testing import throwaway

    with throwaway() as url:
        yield url


@pytest.fixture(scope="session")
def django_db_modify_db_settings(database_url: str, worker_id: str) -> None:
    """Each worker has a database of its own, also where DATABASE_URL names one server for all."""
    from django.db import connections

    own = connections["default"].settings_dict
    own.update(dj_database_url.parse(database_url))
    own["TEST"]["NAME"] = f"test_{own['NAME']}" + ("" if worker_id == "master" else f"_{worker_id}")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests with transactions of their own empty every table afterwards, which the law forbids everyone else."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgtype & 32 > 0")
        for table, trigger in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{trigger}"')


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Four people in hundreds of tests: nobody guesses their passwords, so no time is spent on making that hard.

    Served processes keep the hasher that ships (see `test_passwords_are_kept_by_a_slow_hasher`).
    """
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


def png_bytes(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def as_png():
    """An array as the bytes of a PNG."""
    return png_bytes


@pytest.fixture(scope="session")
def cat() -> np.ndarray:
    """A public-domain photograph of a cat: 300×451×3 uint8."""
    from skimage import data

    return data.chelsea()


@pytest.fixture(scope="session")
def coffee() -> np.ndarray:
    """A public-domain photograph of a cup of coffee: 400×600×3 uint8."""
    from skimage import data

    return data.coffee()


@pytest.fixture(scope="session")
def disc():
    """A soft disc as an alpha mask: (height, width) → HxW uint8."""

    def make(height: int, width: int, share: float = 0.35) -> np.ndarray:
        y, x = np.mgrid[:height, :width]
        radius = share * min(height, width)
        distance = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
        return (np.clip(radius - distance + 0.5, 0, 1) * 255).round().astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def starter():
    """The shipped weights on the CPU, loaded once."""
    from segmentation import weights
    from segmentation.predictor import TorchPredictor

    return TorchPredictor(weights.load(weights.starter_folder()), device="cpu")


@pytest.fixture
def people(db: None) -> SimpleNamespace:
    """Alice makes stickers, Bob does too, Rita reviews, Olga operates."""
    from stickersnap.accounts.models import User

    def person(name: str, role: str) -> User:
        return User.objects.create_user(name, password=f"{name}-secret-10", role=role)

    return SimpleNamespace(
        alice=person("alice", "person"),
        bob=person("bob", "person"),
        rita=person("rita", "reviewer"),
        olga=person("olga", "operator"),
    )


@pytest.fixture(autouse=True)
def fresh_throttles() -> None:
    """No test pays for what another one asked for."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(scope="session")
def foreign_onnx(tmp_path_factory):
    """A graph in the shape of rembg's u2netp.onnx, with random weights: input.1 N×3×320×320, seven maps, N = 1."""
    import warnings

    import torch

    from segmentation import networks

    class Probabilities(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(3)
            self.network = networks.build("u2netp").eval()
            self.network.outconv.weight.data *= 10  # so that it tells pictures apart

        def forward(self, x):
            return tuple(logits.sigmoid() for logits in self.network(x))

    file = tmp_path_factory.mktemp("published") / "u2netp.onnx"
    names = {"input_names": ["input.1"], "output_names": [f"d{i}" for i in range(7)]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Probabilities(), (torch.zeros(1, 3, 320, 320),), file, dynamo=False, **names)
    return file


@pytest.fixture
def wheelhouse(tmp_path, monkeypatch):
    """Makes wheels that pip finds by its settings, and nothing else: (package, version, {member: bytes}) → file."""
    import zipfile

    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def make(package, version, members):
        name = package.replace("-", "_")
        about = f"{name}-{version}.dist-info"
        texts = {
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/RECORD": "",
        }
        file = folder / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as archive:
            for member, content in {**members, **texts}.items():
                archive.writestr(member, content)
        return file

    return make
