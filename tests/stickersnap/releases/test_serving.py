"""A process follows the newest deployment, and keeps what it has when that can't be served."""

import threading
import time

import numpy as np
import pytest

from annotations.exceptions import Busy
from segmentation import weights as sets
from segmentation.predictor import Cut
from stickersnap.releases import services, serving
from stickersnap.releases.exceptions import NotReady
from stickersnap.releases.serving import BoundedPredictor

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


@pytest.mark.django_db
def test_a_child_process_makes_its_own_holder(monkeypatch):
    services.starter_deploy()
    parent = serving.holder()
    monkeypatch.setattr(parent, "pid", parent.pid + 1)
    assert serving.holder() is not parent


class Slow:
    weights, network, device, card = "a" * 64, "basnet-small", "cpu", {}

    def __init__(self):
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def predict(self, rgb):
        self.begun.release()
        self.go.wait(30)
        return Cut(np.zeros(rgb.shape[:2], np.uint8), 0.0, 0.0, False)


def test_more_than_the_bound_is_told_busy_at_once_and_the_others_are_served():
    slow = Slow()
    bounded = BoundedPredictor(slow, waiting=2)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(bounded.predict(PHOTO))) for _ in range(3)]
    for thread in threads:
        thread.start()
    slow.begun.acquire(timeout=30)
    deadline = time.monotonic() + 30
    while bounded._places._value and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(Busy):
        bounded.predict(PHOTO)
    slow.go.set()
    for thread in threads:
        thread.join()
    assert len(answers) == 3
    assert bounded.predict(PHOTO).alpha.shape == (40, 60)
