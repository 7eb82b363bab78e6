"""A version of the program ships another starter: who serves the one of before goes on with it until told otherwise."""

import pytest

from segmentation import weights as sets
from stickersnap.releases import services, serving
from stickersnap.releases.weights import arrivals

pytestmark = pytest.mark.django_db


def serves():
    serving.holder().refresh()
    return serving.predictor_current().weights


def test_an_installation_goes_on_with_the_starter_it_began_with(other_weights):
    before = services.starter_deploy(folder=other_weights(21))
    assert before.weights_id != sets.inspect(sets.STARTER).sha256
    assert services.starter_deploy() == before
    assert serves() == before.weights_id
    services.weights_use(weights=arrivals.weights_find(sets.STARTER), by="olga")
    assert serves() == sets.inspect(sets.STARTER).sha256
    assert services.rollback(by="olga").weights_id == before.weights_id
