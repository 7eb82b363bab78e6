"""A process follows the newest deployment, and keeps what it has when that can't be served."""

import gc
import os
import subprocess
import sys
import threading
import time
from urllib.parse import urlencode

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from annotations.exceptions import Busy
from segmentation import backends
from segmentation import weights as sets
from segmentation.backends import DeviceLost
from stickersnap.api import metrics
from stickersnap.releases import services, serving
from stickersnap.releases.exceptions import CutFailed, NotReady

PHOTO = np.full((40, 60, 3), 127, np.uint8)


@pytest.mark.django_db
def test_nothing_deployed_says_what_to_do():
    with pytest.raises(NotReady, match="deploy-starter"):
        serving.predictor_current()
    assert serving.status().weights is None


@pytest.mark.django_db
def test_what_is_deployed_serves_and_says_what_it_is():
    deployment = services.starter_deploy()
    predictor = serving.predictor_current()
    assert predictor.weights == deployment.weights_id
    assert predictor.device == "cpu"
    assert predictor.predict(PHOTO).alpha.shape == (40, 60)
    assert serving.status().deployment == deployment.id


@pytest.mark.django_db
def test_a_newer_deployment_is_followed_and_so_is_a_rollback(finished_run):
    starter = services.starter_deploy()
    old = serving.predictor_current()
    decision = services.promotion_decide(run=finished_run(), by="olga")
    serving.holder().refresh()
    assert serving.predictor_current().weights == decision.challenger_id
    services.rollback(by="olga")
    serving.holder().refresh()
    assert serving.predictor_current().weights == starter.weights_id
    assert old.predict(PHOTO).alpha.shape == (40, 60)


@pytest.mark.django_db
@pytest.mark.parametrize("damage", ["cut", "swapped", "gone", "golden"])
def test_weights_that_can_not_be_served_leave_the_old_ones_serving(finished_run, damage):
    starter = services.starter_deploy()
    serving.predictor_current()
    decision = services.promotion_decide(run=finished_run(), by="olga")
    folder = services.weights_folder(decision.challenger_id)
    file = folder / sets.WEIGHTS
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-10])
    elif damage == "swapped":
        file.write_bytes((services.weights_folder(starter.weights_id) / sets.WEIGHTS).read_bytes())
    elif damage == "gone":
        file.unlink()
    else:
        card = folder / sets.CARD
        card.write_text(card.read_text().replace('"subject_score": 0.9', '"subject_score": 0.1'))
    serving.holder().refresh()
    assert serving.predictor_current().weights == starter.weights_id
    assert str(decision.deployments.get().id) in serving.status().problem


@pytest.mark.django_db(transaction=True)
def test_the_watcher_swaps_by_itself(finished_run):
    services.starter_deploy()
    serving.predictor_current()
    decision = services.promotion_decide(run=finished_run(), by="olga")
    deadline = time.monotonic() + 60
    while serving.predictor_current().weights != decision.challenger_id and time.monotonic() < deadline:
        time.sleep(0.05)
    assert serving.predictor_current().weights == decision.challenger_id


FOLLOW = """
import django, sys, threading, time
django.setup()
from stickersnap.releases import serving
over = threading.Thread(target=sys.stdin.read, daemon=True)
over.start()
last = ""
while over.is_alive():
    if (now := serving.predictor_current().weights) != last:
        print(now, flush=True)
        last = now
    time.sleep(0.1)
"""


@pytest.mark.django_db(transaction=True)
def test_every_process_follows_a_promotion_and_a_rollback(finished_run, settings):
    starter = services.starter_deploy()
    params = connection.get_connection_params()
    place = urlencode({name: params[name] for name in ("host", "port", "user", "password") if params.get(name)})
    url = f"postgresql:///{params['dbname']}?{place}"
    environment = {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "stickersnap.settings",
        "STICKERSNAP_STATE": str(settings.STATE),
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "STICKERSNAP_DEVICE": "cpu",
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {**os.environ, **environment}}
    servers = [subprocess.Popen([sys.executable, "-c", FOLLOW], **pipes) for _ in range(2)]
    try:
        assert [server.stdout.readline().strip() for server in servers] == [starter.weights_id] * 2
        decision = services.promotion_decide(run=finished_run(), by="olga")
        assert [server.stdout.readline().strip() for server in servers] == [decision.challenger_id] * 2
        services.rollback(by="olga")
        assert [server.stdout.readline().strip() for server in servers] == [starter.weights_id] * 2
    finally:
        for server in servers:
            server.stdin.close()
            server.wait(60)
            server.stdout.close()


@pytest.mark.django_db
def test_a_child_process_makes_its_own_holder(monkeypatch):
    services.starter_deploy()
    parent = serving.holder()
    monkeypatch.setattr(parent, "pid", parent.pid + 1)
    assert serving.holder() is not parent


@pytest.mark.django_db
def test_the_old_engine_ends_with_its_last_request(finished_run):
    services.starter_deploy()
    under_way = serving.predictor_current()
    engine = under_way.engine
    services.promotion_decide(run=finished_run(), by="olga")
    serving.holder().refresh()
    assert serving.predictor_current().engine is not engine
    assert under_way.predict(PHOTO).alpha.shape == (40, 60), "who began with the old weights is answered by them"
    del under_way
    gc.collect()
    engine._thread.join(30)
    assert not engine._thread.is_alive()


@pytest.fixture
def held(weights_deployed):
    """The predictor that serves, with its device held: what is asked for waits until `release`."""
    predictor = serving.predictor_current()
    backend, release, begun = predictor.engine.backend, threading.Event(), threading.Semaphore(0)

    class Held:
        name, device, size, batch_limit = backend.name, backend.device, backend.size, backend.batch_limit

        def run(self, batch):
            begun.release()
            assert release.wait(60)
            return backend.run(batch)

    predictor.engine.backend = Held()
    yield predictor, begun, release
    release.set()


@pytest.fixture
def weights_deployed(db):
    return services.starter_deploy()


def ask(predictor, count):
    """That many requests in threads of their own: (threads, what they were answered)."""
    answers = []

    def one():
        try:
            answers.append(predictor.predict(PHOTO))
        except Busy as busy:
            answers.append(busy)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, answers


def test_more_than_the_bound_is_told_busy_and_the_others_are_served(held, settings):
    predictor, begun, release = held
    bound = settings.PREDICTIONS_WAITING + 1
    first, _ = ask(predictor, 1)
    begun.acquire()
    threads, answers = ask(predictor, bound + 3)
    deadline = time.monotonic() + 30
    while len(answers) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [type(answer) for answer in answers] == [Busy] * 4
    release.set()
    for thread in (*first, *threads):
        thread.join()
    assert len([answer for answer in answers if not isinstance(answer, Busy)]) == bound - 1


def test_a_device_lost_without_another_is_not_ready(weights_deployed, client):
    predictor = serving.predictor_current()

    class Lost:
        name, device, size, batch_limit = "torch-cuda", "cuda", predictor.engine.backend.size, 1

        def run(self, batch):
            raise DeviceLost("it fell off the bus")

    predictor.engine.backend = Lost()
    with pytest.raises(NotReady, match="fell off the bus"):
        predictor.predict(PHOTO)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "fell off the bus" in answer.json()["detail"]


def test_a_lost_gpu_is_replaced_by_the_cpu_for_all_to_see(weights_deployed, client, as_png, cat):
    predictor = serving.predictor_current()
    cpu, before = predictor.engine.backend, lost_so_far()

    class Lost:
        name, device, size, batch_limit = "torch-cuda", "cuda", cpu.size, 4

        def run(self, batch):
            raise DeviceLost("it fell off the bus")

    predictor.engine.backend, predictor.engine._fallback = Lost(), lambda: cpu
    assert client.get("/readyz").json()["device"] == "cuda"
    answer = client.post("/", {"data": SimpleUploadedFile("cat.png", as_png(cat))})
    assert (answer.status_code, answer["X-Device"]) == (200, "cpu"), "the photo that met the loss is cut all the same"
    ready = client.get("/readyz").json()
    assert (ready["device"], ready["backend"]) == ("cpu", cpu.name)
    assert "fell off the bus" in ready["lost"]
    assert lost_so_far() == before + 1


def lost_so_far():
    return sum(s.value for m in metrics.FALLBACKS.collect() for s in m.samples if s.name.endswith("_total"))


class Broken:
    """Opens, and then answers nothing that could be served."""

    name, device, size, batch_limit, half = "openvino", "cpu", sets.inspect("starter").size, 4, True

    def __init__(self, answer):
        self.answer = answer

    def run(self, batch):
        if isinstance(self.answer, Exception):
            raise self.answer
        return np.full((*batch.shape[:1], 2, *batch.shape[1:3]), self.answer, np.float32)


@pytest.mark.parametrize("answer", [np.nan, 0.0, RuntimeError("no such instruction")])
def test_a_backend_that_fails_the_golden_pictures_leaves_the_next_one_to_serve(weights_deployed, monkeypatch, answer):
    def open_backend(name, *arguments):
        return Broken(answer) if name == "openvino" else backends.open_backend(name, *arguments)

    monkeypatch.setattr(serving, "open_backend", open_backend)
    predictor = serving.predictor_current()
    assert predictor.backend == "onnxruntime"
    assert predictor.predict(PHOTO).alpha.shape == (40, 60)


def test_an_answer_of_no_numbers_is_that_photos_error_alone(weights_deployed):
    predictor = serving.predictor_current()
    whole = predictor.engine.backend
    predictor.engine.backend = Broken(np.nan)
    with pytest.raises(CutFailed, match="another photo"):
        predictor.predict(PHOTO)
    predictor.engine.backend = whole
    assert predictor.predict(PHOTO).alpha.shape == (40, 60)


@pytest.mark.parametrize(("name", "value"), [("DEVICE", "cuda"), ("REQUIRE_GPU", True), ("BACKEND", "torch-cuda")])
def test_a_gpu_that_is_asked_for_and_absent_serves_nothing(weights_deployed, settings, name, value):
    if backends.gpu_driver():
        pytest.skip("this machine has a GPU")
    settings.DEVICE = "auto"
    setattr(settings, name, value)
    with pytest.raises(NotReady, match="CUDA"):
        serving.predictor_current()


def test_the_backend_can_be_insisted_on(weights_deployed, settings, client):
    settings.BACKEND = "torch-cpu"
    assert serving.predictor_current().backend == "torch-cpu"
    assert client.get("/readyz").json()["backend"] == "torch-cpu"
