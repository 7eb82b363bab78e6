"""Weights come in by a decision, go live, and can be taken back."""

import hashlib
import json
import math
import shutil
from pathlib import Path

import pytest

from segmentation import forms
from segmentation import weights as sets
from stickersnap.releases import selectors, services
from stickersnap.releases import serving as running
from stickersnap.releases.exceptions import NothingToRollBack, NotPassed, StaleDecision, TrainingFailed
from stickersnap.releases.models import Deployment, PromotionDecision, RetrainPolicy, Weights

pytestmark = pytest.mark.django_db


@pytest.fixture
def starter():
    return services.starter_deploy()


def promote(run):
    return services.promotion_decide(run=run, by="olga")


def serving():
    return selectors.deployment_current().weights_id


def edit(run, change):
    path = services.run_folder(run) / "evaluation.json"
    evaluation = json.loads(path.read_text())
    change(evaluation)
    path.write_text(json.dumps(evaluation))


def test_the_starter_is_deployed_once(starter):
    assert starter.weights_id == sets.digest(sets.starter_folder() / sets.WEIGHTS)
    assert starter.decision.kind == "starter"
    assert services.starter_deploy() == starter
    assert Deployment.objects.count() == PromotionDecision.objects.count() == Weights.objects.count() == 1


def test_registered_weights_are_whole_on_disk(starter):
    folder = services.weights_folder(starter.weights_id)
    assert sets.load(folder).sha256 == folder.name == starter.weights_id
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_weights_registered_again_are_the_same_and_heal_a_damaged_copy(starter):
    file = services.weights_folder(starter.weights_id) / sets.WEIGHTS
    file.write_bytes(file.read_bytes()[:1000])
    services.weights_register(folder=sets.starter_folder())
    assert sets.digest(file) == starter.weights_id
    assert Weights.objects.count() == 1


def test_files_that_are_no_weights_are_not_registered(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"no")
    with pytest.raises(sets.WeightsError):
        services.weights_register(folder=tmp_path)
    assert not Weights.objects.exists()


def test_a_real_gain_is_deployed_with_its_evidence(starter, finished_run):
    run = finished_run()
    decision = promote(run)
    assert decision.passed
    assert serving() == decision.challenger_id != starter.weights_id
    assert len(decision.evidence["images"]) == 24
    assert decision.challenger.run == run
    assert selectors.figures(decision.challenger)["mean_iou"] == pytest.approx(0.7)


def test_weights_whose_forms_do_not_agree_are_served_by_torch_and_it_is_said(starter, finished_run, settings):
    """Training leaves out a form that answers real pictures otherwise; what it left out is never served silently."""
    decision = promote(finished_run())
    assert "torch serves it" in decision.reason
    predictor = running.predictor_current()
    assert (predictor.weights, predictor.backend) == (decision.challenger_id, "torch-cpu")


def test_a_form_that_agrees_is_served_and_nothing_needs_to_be_said(starter, finished_run):
    run = finished_run()
    forms.make(services.run_folder(run) / "weights", names=("onnx",))
    assert "torch" not in promote(run).reason
    assert running.predictor_current().backend != "torch-cpu"


def test_a_loss_is_refused_and_the_champion_stays(starter, finished_run):
    decision = promote(finished_run(gain=-0.02))
    assert not decision.passed
    assert serving() == starter.weights_id


def test_too_few_held_out_photos_promote_nothing_and_the_policy_says_how_many(starter, finished_run):
    RetrainPolicy.objects.create(heldout_minimum=8)
    decision = promote(finished_run(heldout=7))
    assert not decision.passed
    assert "7 (near-duplicates counted once), 8 needed" in decision.reason


def test_by_default_twenty_groups_are_asked_for(starter, finished_run):
    assert "19 (near-duplicates counted once), 20 needed" in promote(finished_run(heldout=19)).reason


def test_nan_is_refused_and_kept_as_evidence(starter, finished_run):
    run = finished_run()
    edit(run, lambda e: e["images"][0].update(challenger_iou=math.nan))
    decision = promote(run)
    decision.refresh_from_db()
    assert not decision.passed
    assert decision.evidence["images"][0]["challenger_iou"] == "nan"


def test_the_champion_itself_is_refused(starter, finished_run):
    run = finished_run()
    folder = services.run_folder(run) / "weights"
    for name in (sets.WEIGHTS, sets.CARD):
        (folder / name).write_bytes((sets.starter_folder() / name).read_bytes())
    edit(run, lambda e: e["challenger"].update(sha256=starter.weights_id))
    decision = promote(run)
    assert not decision.passed
    assert "champion itself" in decision.reason


def test_an_evaluation_of_other_weights_is_refused(starter, finished_run):
    run = finished_run()
    edit(run, lambda e: e["challenger"].update(sha256="c" * 64))
    assert "of other weights" in promote(run).reason
    assert serving() == starter.weights_id


def test_an_evaluation_on_other_photos_is_refused(starter, finished_run):
    run = finished_run()
    edit(run, lambda e: e["images"].pop())
    assert "other photos than those held out" in promote(run).reason
    assert serving() == starter.weights_id


def test_a_champion_deployed_meanwhile_makes_the_challenge_stale(starter, finished_run, other_weights):
    slow = finished_run(seed=1)
    chosen = services.weights_use(weights=services.weights_register(folder=other_weights(2)), by="olga")
    decision = promote(slow)
    assert not decision.passed
    assert decision.reason.startswith("Stale")
    assert serving() == chosen.weights_id


def test_an_unreadable_evaluation_says_so(starter, finished_run):
    run = finished_run()
    (services.run_folder(run) / "evaluation.json").write_text("{")
    with pytest.raises(TrainingFailed, match="can't be read"):
        promote(run)
    assert not PromotionDecision.objects.filter(run=run).exists()


def test_weights_cut_short_are_not_judged(starter, finished_run):
    run = finished_run()
    file = services.run_folder(run) / "weights" / sets.WEIGHTS
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(sets.WeightsError):
        promote(run)
    assert serving() == starter.weights_id


def test_a_refused_decision_can_not_be_deployed_by_hand(starter, finished_run):
    decision = promote(finished_run(gain=-0.1))
    with pytest.raises(NotPassed):
        services.deployment_create(decision=decision, by="olga")


def test_an_old_decision_can_not_be_deployed_again(starter, finished_run):
    decision = promote(finished_run())
    with pytest.raises(StaleDecision):
        services.deployment_create(decision=decision, by="olga")


def test_a_decision_can_be_deployed_again_after_it_was_rolled_back(starter, finished_run):
    decision = promote(finished_run())
    services.rollback(by="olga")
    assert services.deployment_create(decision=decision, by="olga").weights_id == decision.challenger_id


def test_rollback_goes_back_one_by_one_to_the_starter_and_no_further(starter, finished_run):
    first = promote(finished_run(seed=1))
    first.run.state = "promoted"
    first.run.save()
    second = promote(finished_run(seed=2))
    assert serving() == second.challenger_id
    back = services.rollback(by="olga")
    assert (back.weights_id, back.decision, back.rollback_of.weights_id) == (
        first.challenger_id,
        first,
        second.challenger_id,
    )
    assert services.rollback(by="olga").weights_id == starter.weights_id
    with pytest.raises(NothingToRollBack):
        services.rollback(by="olga")
    assert serving() == starter.weights_id


def test_lineage_tells_which_weights_saw_a_dataset_also_through_their_base(starter, finished_run):
    first = promote(finished_run(seed=1))
    first.run.state = "promoted"
    first.run.save()
    second = promote(finished_run(seed=2))
    assert selectors.weights_trained_on([1]) == sorted([first.challenger_id, second.challenger_id])
    assert selectors.weights_trained_on([2]) == [second.challenger_id]
    assert selectors.weights_trained_on([3]) == []


def test_a_deployment_asks_for_the_mirror_in_its_own_transaction(starter):
    from procrastinate.contrib.django.models import ProcrastinateJob

    jobs = ProcrastinateJob.objects.filter(task_name="stickersnap.releases.tasks.alias_mirror")
    assert jobs.count() == 1


def test_shipped_weights_are_described_by_figures_of_photos_that_chose_nothing(db):
    card = {"figures": {"validation": {"mae": 0.05}, "ecssd": {"mae": 0.09, "pictures": 250}}}
    weights = Weights.objects.create(sha256="e" * 64, network="basnet-small", card=card)
    assert selectors.figures(weights) == {"mae": 0.09, "pictures": 250}
    weights.card = {}
    assert selectors.figures(weights) == {}


def test_forms_that_came_since_are_taken_over_and_damaged_ones_healed(starter, tmp_path):
    folder = services.weights_folder(starter.weights_id)
    newer = Path(shutil.copytree(folder, tmp_path / "newer"))
    (newer / "weights.extra.onnx").write_bytes(b"a graph")
    card = sets.read_card(newer)
    card["forms"] = {"extra": {"file": "weights.extra.onnx", "sha256": hashlib.sha256(b"a graph").hexdigest()}}
    sets.write_card(newer, card)
    assert services.weights_register(folder=newer).card["forms"] == card["forms"]
    form = folder / "weights.extra.onnx"
    assert form.read_bytes() == b"a graph"
    form.write_bytes(b"damaged")
    services.weights_register(folder=newer)
    assert form.read_bytes() == b"a graph"
    (folder / sets.CARD).write_text("{")
    services.weights_register(folder=newer)
    assert sets.inspect(folder).forms == card["forms"]
