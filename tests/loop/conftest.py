"""The whole service with its real parts, on a database and a state folder of its own."""

import io
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import requests
from PIL import Image
from ports import free_port
from visitors import Visitors
from waiting import wait_for

from segmentation import manifest, saving
from stickersnap.embedded.testing import throwaway

ROOT = Path(__file__).parents[2]
PATIENCE = 240  # seconds that a loaded machine may take for any one step
OPERATOR = ("olga", "olga-operates-10")


def png(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(out, "PNG")
    return out.getvalue()


class Client(requests.Session):
    """One browser session."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.get_ok("session/")

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"X-CSRFToken": self.cookies.get("csrftoken", ""), **options.pop("headers", {})}
        return self.request(method, f"{self.address}/api/v1/{path}", headers=headers, timeout=PATIENCE, **options)

    def ok(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def get_ok(self, path: str) -> Any:
        return self.ok("GET", path)

    def log_in(self, name: str, password: str) -> None:
        self.ok("POST", "session/login/", json={"username": name, "password": password})

    def contribute(self, picture: np.ndarray, alpha: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
        """A photo and its correction, sent as the page sends them; both as the API answers them."""
        photo = self.ok("POST", "photos/", files={"image": ("photo.png", png(picture))})
        correction = self.ok(
            "PUT",
            f"corrections/{uuid.uuid4()}/",
            data={"photo": photo["id"], "prediction": photo["prediction"]["id"], "strokes": "[]", "seconds": "4.2"},
            files={"mask": ("mask.png", png(alpha))},
        )
        return photo, correction

    def approve_all(self) -> int:
        """Approves whatever waits for review; how many that were."""
        approved = 0
        while waiting := self.get_ok("queue/review/")["results"]:
            for entry in waiting:
                correction = entry["correction"]
                verdict = {"verdict": "approve", "reason": "", "version": correction["version"]}
                self.ok("POST", f"corrections/{correction['id']}/review/", json=verdict)
                approved += 1
        return approved


@dataclass
class Service:
    """gunicorn and the Procrastinate worker of an installation."""

    state: Path
    environment: dict[str, str]
    port: int
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def run(self, *command: str, **more: str) -> str:
        """A command in this installation; its output. Fails the test when the command fails."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def manage(self, *arguments: str, **more: str) -> str:
        return self.run("manage.py", *arguments, **more)

    def start(self, name: str) -> None:
        module = {
            "web": ["gunicorn", "stickersnap.wsgi", "--config", "deploy/gunicorn.conf.py"],
            "worker": ["django", "procrastinate", "worker", "--concurrency", "4", "--shutdown-graceful-timeout", "5"],
        }[name]
        with (self.state / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                [sys.executable, "-m", *module], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def stop(self) -> None:
        for child in self.children.values():
            child.send_signal(signal.SIGTERM)
        for child in self.children.values():
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def ready(self) -> dict[str, Any] | None:
        try:
            answer = requests.get(f"{self.address}/readyz", timeout=PATIENCE)
        except requests.ConnectionError:
            return None
        return answer.json() if answer.status_code == 200 else None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query).fetchall()

    def client(self) -> Client:
        return Client(self.address)

    def operator(self) -> Client:
        client = self.client()
        client.log_in(*OPERATOR)
        return client


def worse_starter(folder: Path) -> None:
    """The starter with noise in its last layers, so that there is so much to learn back that seconds show it."""
    import torch

    from segmentation import weights

    loaded = weights.load(weights.starter_folder())
    generator = torch.Generator().manual_seed(7)
    for name, parameter in loaded.network.named_parameters():
        if parameter.dim() == 4 and name.startswith(("sides", "refinement")):
            parameter.data += 1.1 * parameter.data.std() * torch.randn(parameter.shape, generator=generator)
    card = {"network": loaded.card["network"], "size": loaded.card["size"], "subject_threshold": 0.0}
    saving.save(folder, loaded.network, card)


DEPLOY = """
import sys, django
django.setup()
from pathlib import Path
from stickersnap.releases.services import starter_deploy
print(starter_deploy(folder=Path(sys.argv[1])).weights_id)
"""


@contextmanager
def installed(state: Path, first: Path) -> Iterator[Service]:
    """A service whose first champion are these weights, on a database of its own; olga operates it."""
    with throwaway() as url:
        environment = os.environ | {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "stickersnap.settings",
            "STICKERSNAP_STATE": str(state),
            "STICKERSNAP_DEVICE": "cpu",
            "STICKERSNAP_UPLOADS_PER_MINUTE": "100000",
            "DVC_REMOTE": str(state / "dvc-remote"),
            "MLFLOW_TRACKING_URI": "",
            "MLFLOW_ARTIFACTS": str(state / "mlflow"),
        }
        made = Service(state, environment, free_port())
        made.environment["WEB_BIND"] = f"127.0.0.1:{made.port}"
        made.manage("migrate", "--verbosity", "0")
        made.run("-c", DEPLOY, str(first))
        made.manage("operator", OPERATOR[0], STICKERSNAP_OPERATOR_PASSWORD=OPERATOR[1])
        for name in ("web", "worker"):
            made.start(name)
        try:
            wait_for(made.ready, "A ready web server")
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Its champion has something to learn back."""
    state = tmp_path_factory.mktemp("state")
    worse_starter(state / "worse")
    with installed(state, state / "worse") as made:
        yield made


@pytest.fixture(scope="session")
def install() -> Callable[[Path, Path], AbstractContextManager[Service]]:
    return installed


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless pairs (H×W×3 uint8, H×W uint8): cut out of the sample dataset, mirrored, with exchanged colours."""
    folder = tmp_path_factory.mktemp("sample") / "data"
    subprocess.run([sys.executable, "scripts/make_sample_dataset.py", str(folder)], cwd=ROOT, check=True)
    samples = [sample for sample in manifest.read(folder) if "rocket" not in sample.group]
    pairs = [(np.asarray(Image.open(folder / s.image)), np.asarray(Image.open(folder / s.mask))) for s in samples]

    def cut() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        random = np.random.default_rng(0)
        while True:
            for picture, alpha in pairs:
                height, width = (int(side * random.uniform(0.55, 0.95)) for side in alpha.shape)
                top = random.integers(alpha.shape[0] - height)
                left = random.integers(alpha.shape[1] - width)
                window = np.s_[top : top + height, left : left + width]
                flip = np.s_[:, :: random.choice([-1, 1])]
                if 0.05 < alpha[window].mean() / 255 < 0.9:
                    yield picture[window][flip][..., random.permutation(3)], alpha[window][flip]

    return cut()


HELDOUT = 24
"""Groups that judge: with half as many the gate is not sure of five points, as it should be."""


@pytest.fixture(scope="module")
def learnt_from(service: Service, pictures: Iterator[tuple[np.ndarray, np.ndarray]]) -> int:
    """Enough approved corrections on both sides of the split; how many."""
    person, approved = service.client(), 0
    person.ok("PUT", "session/consent/", json={"consent": True})
    for picture, alpha in pictures:
        person.contribute(picture, alpha)
        approved += 1
        groups = {str(group) for (group,) in service.rows('SELECT "group" FROM annotations_photo')}
        heldout = sum(manifest.split_of(group) == "holdout" for group in groups)
        if heldout >= HELDOUT and len(groups) - heldout >= 2 * HELDOUT:
            break
        assert approved < 500, "No split with enough pictures on both sides."
    assert service.operator().approve_all() == approved
    return approved


@pytest.fixture
def steady_load(service: Service) -> Iterator[Visitors]:
    from skimage import data

    with Visitors(f"{service.address}/", png(data.coffee()[::2, ::2]), pause=0.5) as load:
        yield load


@pytest.fixture(scope="session")
def patiently() -> Callable[..., Any]:
    return wait_for
