"""Far more photos than can be cut, against the real web process: some are cut, the others are told so, none is lost."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
from ports import free_port
from waiting import wait_for

from stickersnap.embedded.testing import throwaway

ROOT = Path(__file__).parents[3]
PATIENCE = 240
VISITORS, ROUNDS = 24, 3
AT_WORK = 2


@dataclass
class Web:
    """gunicorn as it is deployed, where two photos are worked on at once."""

    address: str
    process: subprocess.Popen[bytes]

    def cut(self, photo: bytes) -> requests.Response:
        return requests.post(self.address, files={"data": ("photo.png", photo)}, timeout=PATIENCE)

    def metric(self, name: str) -> float:
        text = requests.get(f"{self.address}metrics", timeout=PATIENCE).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def resident(self) -> int:
        return sum(child.memory_info().rss for child in psutil.Process(self.process.pid).children())


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    state = tmp_path_factory.mktemp("state")
    with throwaway() as database:
        address = f"127.0.0.1:{free_port()}"
        environment = os.environ | {
            "DATABASE_URL": database,
            "STICKERSNAP_STATE": str(state),
            "STICKERSNAP_DEVICE": "cpu",
            "STICKERSNAP_NETWORK_THREADS": "1",
            "STICKERSNAP_PREDICTIONS_WAITING": str(AT_WORK - 1),
            "STICKERSNAP_UPLOADS_PER_MINUTE": "1000000",
            "WEB_BIND": address,
            "WEB_THREADS": "16",
        }
        for command in (["migrate", "-v", "0"], ["weights", "deploy-starter"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)
        gunicorn = ["gunicorn", "stickersnap.wsgi", "--config", "deploy/gunicorn.conf.py"]
        with (state / "web.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", *gunicorn], cwd=ROOT, env=environment, stderr=log)
        try:
            wait_for(lambda: answers(f"http://{address}/"), "a web process that is ready", PATIENCE)
            yield Web(f"http://{address}/", process)
        finally:
            process.terminate()
            process.wait(60)


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}readyz", timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False


def rush(web: Web, photo: bytes) -> list[requests.Response]:
    """Everyone at once, and again: what each was answered."""
    answers: list[requests.Response] = []

    def visitor() -> None:
        answers.extend(web.cut(photo) for _ in range(ROUNDS))

    visitors = [threading.Thread(target=visitor) for _ in range(VISITORS)]
    for each in visitors:
        each.start()
    for each in visitors:
        each.join()
    return answers


def test_a_photo_is_cut_and_the_answer_says_by_what_and_how_long_it_took(web, cat, as_png):
    answer = web.cut(as_png(cat))
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG")
    assert re.fullmatch("[0-9a-f]{64}", answer.headers["X-Weights"])
    assert answer.headers["X-Device"] == "cpu"
    stages = [stage.split(";")[0] for stage in answer.headers["Server-Timing"].split(", ")]
    assert set(stages) >= {"decode", "queue", "network", "encode"}


def test_a_photo_that_comes_in_chunks_is_cut_and_given_to_who_asks_for_a_picture(web, cat, as_png):
    photo = as_png(cat)
    pieces = (photo[at : at + 10_000] for at in range(0, len(photo), 10_000))
    headers = {"Content-Type": "image/png", "Accept": "image/png"}
    answer = requests.post(web.address, data=pieces, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\x89PNG")


def test_in_a_rush_some_are_cut_and_the_others_are_refused_with_a_time_to_wait(web, cat, as_png):
    before = web.metric("stickersnap_refusals_total")
    answers = rush(web, as_png(cat))
    cut = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(answers) == VISITORS * ROUNDS, "everyone was answered"
    assert len(cut) + len(refused) == len(answers)
    assert len(cut) >= AT_WORK
    assert len(refused) > len(cut), "this many can't be cut at once"
    assert all(answer.content.startswith(b"\x89PNG") for answer in cut)
    assert {answer.json()["code"] for answer in refused} == {"busy"}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert before < web.metric("stickersnap_refusals_total") <= before + len(refused)
    assert web.metric("stickersnap_queue_pictures") == 0
    assert web.cut(as_png(cat)).status_code == 200, "afterwards all is as before"


def test_a_large_upload_that_is_refused_still_hears_why(web, cat, as_png):
    """The answer comes before the body is read; the connection must not be reset under a client that still sends."""
    noise = np.random.default_rng(0).integers(0, 256, (1800, 1800, 3), dtype=np.uint8)
    large, small = as_png(noise), as_png(cat)
    assert len(large) > 8_000_000
    stop = threading.Event()

    def visitor() -> None:
        while not stop.is_set():
            web.cut(small)

    visitors = [threading.Thread(target=visitor) for _ in range(8)]
    for each in visitors:
        each.start()
    answers = [web.cut(large) for _ in range(10)]
    stop.set()
    for each in visitors:
        each.join()
    assert {answer.status_code for answer in answers} <= {200, 422, 503}
    assert 503 in {answer.status_code for answer in answers}


def test_the_service_says_that_it_is_alive_during_a_rush_and_its_memory_stays(web, cat, as_png):
    photo = as_png(cat)
    rush(web, photo)
    before = web.resident()
    alive: list[int] = []
    done = threading.Event()

    def probe() -> None:
        while not done.wait(0.2):
            alive.append(requests.get(f"{web.address}healthz", timeout=PATIENCE).status_code)

    probing = threading.Thread(target=probe)
    probing.start()
    for _ in range(3):
        rush(web, photo)
    done.set()
    probing.join()
    assert set(alive) == {200}
    assert web.resident() - before < 48 * 2**20, "hundreds of requests later, refused ones above all"
