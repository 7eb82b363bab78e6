"""An operator's own choice: tested, in their name, taken back like any other, and never the end of what served."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from segmentation import networks, saving
from segmentation import weights as sets
from segmentation.trial import UselessError
from segmentation.weights import golden
from segmentation.weights.published import Graph
from stickersnap.releases import selectors, services, serving
from stickersnap.releases.exceptions import AlreadyServing, NotTrainable
from stickersnap.releases.gate.decisions import decision_record
from stickersnap.releases.models import Deployment, PromotionDecision, Weights
from stickersnap.releases.runs import runs
from stickersnap.releases.weights import arrivals

pytestmark = pytest.mark.django_db
PHOTO = np.full((40, 60, 3), 127, np.uint8)


@pytest.fixture
def starter():
    return services.starter_deploy()


@pytest.fixture
def others(other_weights):
    def register(seed=1):
        return services.weights_register(folder=other_weights(seed))

    return register


def serves():
    serving.holder().refresh()
    return serving.predictor_current().weights


def test_a_choice_is_deployed_in_its_makers_name_with_what_served_before(starter, others):
    chosen = others()
    deployment = services.weights_use(weights=chosen, by="olga", reason="Sharper edges on cups.")
    decision = deployment.decision
    assert (decision.kind, decision.by, decision.reason) == ("operator", "olga", "Sharper edges on cups.")
    assert decision.get_kind_display() == "operator's choice"
    assert decision.champion_id == decision.evidence["champion"]["sha256"] == starter.weights_id
    assert decision.evidence["self_test"]["pictures"] == len(golden.pictures())
    assert (deployment.by, selectors.deployment_current()) == ("olga", deployment)
    assert serves() == chosen.sha256


def test_over_nothing_it_needs_no_champion(others):
    deployment = services.weights_use(weights=others(), by="olga")
    assert deployment.decision.champion is None
    assert "olga chose these weights" in deployment.decision.reason


def test_it_is_rolled_back_like_any_other(starter, others, finished_run):
    promoted = services.promotion_decide(run=finished_run(seed=2), by="olga").challenger
    chosen = others(1)
    services.weights_use(weights=chosen, by="olga")
    assert services.rollback(by="olga").weights == promoted
    assert services.rollback(by="olga").weights_id == starter.weights_id
    assert services.weights_use(weights=chosen, by="olga").decision.champion_id == starter.weights_id
    assert services.rollback(by="olga").weights_id == starter.weights_id
    assert serves() == starter.weights_id


def test_what_serves_is_not_chosen_again(starter):
    with pytest.raises(AlreadyServing):
        services.weights_use(weights=starter.weights, by="olga")
    assert Deployment.objects.count() == PromotionDecision.objects.count() == 1


def test_figures_of_the_gate_stay_when_an_operator_brings_weights_back(starter, finished_run):
    promoted = services.promotion_decide(run=finished_run(), by="olga").challenger
    services.rollback(by="olga")
    services.weights_use(weights=promoted, by="olga")
    assert selectors.figures(promoted)["mean_iou"] == pytest.approx(0.7)


def test_weights_that_answer_otherwise_than_their_card_are_not_deployed(starter, others):
    chosen = others()
    card = services.weights_folder(chosen.sha256) / sets.CARD
    card.write_text(card.read_text().replace('"subject_score": 0.9', '"subject_score": 0.1'))
    with pytest.raises(golden.GoldenError):
        services.weights_use(weights=chosen, by="olga")
    assert selectors.deployment_current() == starter
    assert PromotionDecision.objects.count() == 1


def rewrite(folder, change):
    state = load_file(folder / sets.WEIGHTS)
    change(state)
    save_file(state, folder / sets.WEIGHTS)


BAD = {
    "NaN": lambda state: state.update({"bridge.whole.bias": torch.full_like(state["bridge.whole.bias"], float("nan"))}),
    "infinite": lambda state: state.update(
        {"bridge.whole.bias": torch.full_like(state["bridge.whole.bias"], float("inf"))}
    ),
    "other architecture": lambda state: state.update({"layer1.weight": torch.ones(3)}),
    "other shapes": lambda state: state.update({"bridge.whole.bias": torch.ones(3)}),
    "card of another network": lambda state: None,
    "card of no network": lambda state: None,
    "cut short": lambda state: None,
}


@pytest.fixture(params=BAD)
def bad(request, other_weights, tmp_path):
    """A folder of weights that is consistent in its digests, and bad."""
    folder = tmp_path / "bad"
    shutil.copytree(other_weights(1), folder)
    rewrite(folder, BAD[request.param])
    if request.param == "cut short":
        file = folder / sets.WEIGHTS
        file.write_bytes(file.read_bytes()[:-1000])
    card = json.loads((folder / sets.CARD).read_text())
    card["sha256"] = sets.digest(folder / sets.WEIGHTS)
    card["network"] = {"card of another network": "u2netp", "card of no network": "mine"}.get(
        request.param, card["network"]
    )
    (folder / sets.CARD).write_text(json.dumps(card))
    return folder, card


def test_bad_weights_do_not_come_in(bad, starter):
    folder, _ = bad
    with pytest.raises(sets.WeightsError) as refused:
        arrivals.weights_import(path=folder)
    assert str(refused.value).endswith(".") or ")" in str(refused.value)
    assert Weights.objects.count() == 1


def test_a_server_goes_on_serving_when_bad_weights_got_in_all_the_same(bad, starter):
    folder, card = bad
    assert serves() == starter.weights_id
    smuggled = Weights.objects.create(sha256=card["sha256"], network=card["network"], card=card)
    shutil.copytree(folder, services.weights_folder(smuggled.sha256))
    decision = decision_record(
        kind="operator",
        champion=starter.weights,
        challenger=smuggled,
        passed=True,
        by="mallory",
        reason="smuggled",
        evidence={"self_test": "a lie"},
    )
    deployment = Deployment.objects.create(weights=smuggled, decision=decision, by="mallory")
    assert serves() == starter.weights_id
    assert str(deployment.pk) in serving.status().problem
    assert serving.predictor_current().predict(PHOTO).alpha.shape == (40, 60)
    services.rollback(by="olga")
    assert serves() == starter.weights_id
    assert serving.status().problem == ""


@pytest.mark.parametrize("name", [networks.SHIPPED, "u2netp"])
def test_any_network_serves_by_choice(name, starter, other_weights, tmp_path):
    torch.manual_seed(0)
    network = sets.load(other_weights(1)).network if name == networks.SHIPPED else networks.build(name).eval()
    if name == "u2netp":
        network.outconv.weight.data *= 10  # so that it tells pictures apart
    saving.save(tmp_path / name, network, {"network": name, "size": 64, "name": f"my {name}"})
    arrivals.weights_import(path=tmp_path / name)
    services.weights_use(weights=arrivals.weights_find(f"my {name}"), by="olga")
    assert serving.holder().refresh() is None
    predictor = serving.predictor_current()
    assert predictor.network == name
    assert predictor.predict(PHOTO).alpha.shape == (40, 60)


def test_weights_that_cut_no_trial_photograph_are_not_taken_without_a_word(foreign_onnx):
    with pytest.raises(UselessError, match="--family"):
        arrivals.weights_import(path=foreign_onnx)
    assert not Weights.objects.exists()


def test_the_same_bytes_with_another_card_are_read_by_it_until_they_were_judged_or_served(starter, foreign_onnx):
    first = arrivals.weights_import(path=foreign_onnx, anyway=True)
    other = arrivals.weights_import(path=foreign_onnx, graph=Graph(std=(0.3, 0.3, 0.3)), anyway=True)
    assert other.sha256 == first.sha256
    assert other.card["graph"]["std"] == [0.3, 0.3, 0.3]
    assert sets.inspect(services.weights_folder(other.sha256)).card["graph"] == other.card["graph"]
    services.weights_use(weights=other, by="olga")
    with pytest.raises(sets.WeightsError, match="fed and read otherwise"):
        arrivals.weights_import(path=foreign_onnx, anyway=True)
    assert Weights.objects.get(sha256=first.sha256).card["graph"] == other.card["graph"]


def test_a_graph_of_others_serves_and_says_that_it_cannot_be_trained(starter, foreign_onnx):
    chosen = arrivals.weights_import(path=foreign_onnx, name="theirs", anyway=True)
    services.weights_use(weights=arrivals.weights_find("theirs"), by="olga")
    assert serves() == chosen.sha256
    assert serving.predictor_current().predict(PHOTO).alpha.shape == (40, 60)
    with pytest.raises(NotTrainable, match="weights use"):
        runs.run_start(by="olga")
    assert services.rollback(by="olga").weights_id == starter.weights_id
    assert serves() == starter.weights_id
