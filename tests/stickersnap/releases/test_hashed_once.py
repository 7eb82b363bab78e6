"""Weights are read for their digest once by a process, and never while nobody else may deploy."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from segmentation import digests
from segmentation import weights as sets
from stickersnap.releases import deployments, services, serving
from stickersnap.releases.doctor import checkup
from stickersnap.releases.gate import decisions
from stickersnap.releases.models import RetrainPolicy, TrainingRun, Weights

pytestmark = pytest.mark.django_db


@pytest.fixture
def hashed(monkeypatch) -> Counter:
    """How often each file was read for its digest."""
    read: Counter = Counter()

    def noted(file, algorithm):
        read[Path(file.name)] += 1
        return hashlib.new(algorithm, file.read())

    monkeypatch.setattr(digests, "_known", {})
    monkeypatch.setattr(digests, "SETTLED", 0)
    monkeypatch.setattr(digests.hashlib, "file_digest", noted)
    return read


def test_serving_doctor_and_self_test_read_each_file_once(hashed):
    deployment = services.starter_deploy()
    folder = services.weights_folder(deployment.weights_id)
    assert serving.predictor_current().weights == deployment.weights_id
    assert checkup.deployed(deployment).health is checkup.Health.WELL
    deployments.self_test(folder)
    assert serving.browser_graph()
    assert hashed[folder / sets.WEIGHTS] == 1
    assert set(hashed.values()) == {1}


def test_a_students_decision_reads_nothing_under_the_lock(monkeypatch, finished_run, hashed):
    RetrainPolicy.objects.create(heldout_minimum=4)
    starter = services.starter_deploy()
    weights = Weights.objects.create(sha256="e" * 64, network="u2net", card={"golden": {}})
    monkeypatch.setattr("stickersnap.releases.gate.decisions.self_test", lambda folder: {"pictures": 3})
    services.weights_use(weights=weights, by="olga")
    run = finished_run(seed=1, gain=0.1, champion=starter.weights)
    run.kind, run.teacher = TrainingRun.Kind.STUDENT, weights
    run.save()
    before: list[Counter] = []

    def locked():
        deployments.deployments_locked()
        assert connection.in_atomic_block
        before.append(hashed.copy())

    monkeypatch.setattr(decisions, "deployments_locked", locked)
    assert services.promotion_decide(run=run, by="student").passed
    assert before == [hashed]
