"""Rows by SQL, as who owns the tables writes them: whatever loads weights goes on with the last rightful ones."""

import json
import uuid
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from segmentation import weights as sets
from segmentation.weights import pins
from stickersnap.releases import selectors, services, serving, signing, verification
from stickersnap.releases.doctor import checkup
from stickersnap.releases.exceptions import NotApproved, NotPassed, NotRightful, NotSigned, ReleaseError
from stickersnap.releases.models import (
    Approval,
    Deployment,
    Disowned,
    RetrainPolicy,
    Rollout,
    StudentDeployment,
    TrainingRun,
)
from stickersnap.releases.rollout import rollouts, shadow

pytestmark = pytest.mark.django_db


@pytest.fixture
def starter():
    return services.starter_deploy()


@pytest.fixture
def refused(starter, finished_run):
    """A decision of the gate, genuinely signed, that did not pass."""
    decision = services.promotion_decide(run=finished_run(gain=-0.1), by="olga")
    assert not decision.passed
    return decision


@pytest.fixture
def waiting(starter, finished_run):
    """One that passed and waits for an operator."""
    RetrainPolicy.objects.create(manual_approval=True)
    return services.promotion_decide(run=finished_run(), by="olga")


@pytest.fixture
def taken_back(starter, finished_run):
    """One that passed, served, and was rolled back."""
    decision = services.promotion_decide(run=finished_run(), by="olga")
    services.rollback(by="olga")
    return decision


def sql(statement, *values, replica=True):
    """As the tables' owner; with `replica` no trigger and no foreign key is asked."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if replica:
            cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = origin")


DEPLOY = (
    "INSERT INTO releases_deployment (weights_id, decision_id, by, created_at, passed, signature) "
    "VALUES (%s, %s, 'sql', now(), true, %s)"
)
APPROVE = (
    "INSERT INTO releases_approval (approved, by, comment, created_at, decision_id) VALUES (true, 'op1', '', now(), %s)"
)
CANARY = (
    "INSERT INTO releases_rollout (id, decision_id, weights_id, passed, stage, stage_at, shadow_share, shadow_hours, "
    "canary_share, canary_hours, figures, message, by, created_at, signature) "
    "VALUES (%s, %s, %s, true, %s, now(), 1, 0, 0.5, 0, '{}', '', 'sql', now(), %s)"
)


def deploy(decision, *, weights=None, signature="", replica=True):
    sql(DEPLOY, weights or decision.challenger_id, decision.pk, signature, replica=replica)


def goes_on(starter, words):
    """The starter serves, and doctor says why."""
    current = selectors.deployment_current()
    assert current.weights_id == starter.weights_id
    finding = checkup.rightful()
    assert finding.health is checkup.Health.ILL
    assert words in finding.sentence
    return True


@pytest.mark.parametrize("signature", ["", "0" * 64, "starter's", "decision's"])
def test_a_refused_decision_deploys_nothing_whatever_its_row_is_signed_with(refused, starter, signature):
    known = {"starter's": starter.signature, "decision's": refused.signature}
    deploy(refused, signature=known.get(signature, signature))
    assert goes_on(starter, "was not signed by this installation")


def test_a_server_goes_on_and_says_why(refused, starter, client, people):
    serving.holder().refresh()
    deploy(refused)
    serving.holder().refresh()
    assert serving.predictor_current().weights == starter.weights_id
    assert "is not served: Deployment" in serving.status().problem
    assert "is not served" in client.get("/readyz").json()["problem"]
    client.force_login(people.olga)
    (said,) = client.get("/api/v1/releases/overview/").json()["unrightful"]
    assert "was not signed by this installation" in said
    serving.reset()
    serving.holder().refresh()
    assert serving.predictor_current().weights == starter.weights_id, "a process that starts afresh does the same"
    services.rollback(by="olga")
    serving.holder().refresh()
    assert serving.status().problem == ""
    assert selectors.deployment_current().weights_id == starter.weights_id


def test_even_a_deployment_signed_by_our_key_needs_a_decision_that_passed(refused, starter):
    deploy(refused)
    row = Deployment.objects.first()
    sql("UPDATE releases_deployment SET signature = %s WHERE id = %s", signing.signature_of(row), row.pk)
    assert goes_on(starter, str(NotPassed()))


@pytest.mark.parametrize("signed", [False, True])
def test_an_approval_by_sql_approves_nothing(waiting, starter, signed):
    sql(APPROVE, waiting.pk, replica=False)
    deploy(waiting, replica=False)
    if signed:
        signing.signed(Deployment.objects.first())
    assert goes_on(starter, str(NotApproved()) if signed else "was not signed")


def test_what_was_declined_stays_declined(waiting, starter):
    services.decision_decline(decision=waiting, by="olga")
    sql("UPDATE releases_approval SET approved = true")
    deploy(waiting)
    signing.signed(Deployment.objects.first())
    assert goes_on(starter, str(NotApproved()))


def test_a_set_that_was_taken_back_comes_back_by_our_own_code_alone(taken_back, starter):
    deploy(taken_back, replica=False)
    assert goes_on(starter, "was not signed")
    assert services.deployment_create(decision=taken_back, by="olga").weights_id == taken_back.challenger_id
    assert selectors.deployment_current().weights_id == taken_back.challenger_id
    assert checkup.rightful().health is checkup.Health.WELL


def test_other_weights_than_the_decisions_do_not_serve(starter, finished_run, other_weights):
    decision = services.promotion_decide(run=finished_run(), by="olga")
    other = services.weights_register(folder=other_weights(2))
    sql("UPDATE releases_deployment SET weights_id = %s WHERE decision_id = %s", other.sha256, decision.pk)
    assert goes_on(starter, "was not signed")
    row = Deployment.objects.get(decision=decision)
    sql("UPDATE releases_deployment SET signature = %s WHERE id = %s", signing.signature_of(row), row.pk)
    assert goes_on(starter, f"decision {decision.pk} is on other weights")


def test_a_rollback_by_sql_takes_nothing_back(starter, finished_run):
    decision = services.promotion_decide(run=finished_run(), by="olga")
    newest = Deployment.objects.first()
    sql(
        "INSERT INTO releases_deployment (weights_id, decision_id, rollback_of_id, by, created_at, passed) "
        "VALUES (%s, %s, %s, 'sql', now(), true)",
        starter.weights_id,
        starter.decision_id,
        newest.pk,
        replica=False,
    )
    assert selectors.deployment_current() == newest
    assert services.rollback(by="olga").weights_id == decision.challenger_id, "the forged row alone is taken back"
    assert services.rollback(by="olga").weights_id == starter.weights_id


def test_forged_rows_stand_in_nobodys_way(refused, starter, finished_run, other_weights):
    deploy(refused)
    TrainingRun.objects.update(state="refused")
    decision = services.promotion_decide(run=finished_run(seed=2), by="olga")
    assert selectors.deployment_current().decision == decision
    chosen = services.weights_use(weights=services.weights_register(folder=other_weights(3)), by="olga")
    assert selectors.deployment_current() == chosen
    assert Disowned.objects.get().deployment.decision == refused
    assert services.rollback(by="olga").weights_id == decision.challenger_id
    assert services.rollback(by="olga").weights_id == starter.weights_id


def test_where_nothing_is_rightful_the_shipped_weights_serve(starter, other_weights):
    sql("UPDATE releases_deployment SET signature = ''")
    assert selectors.deployment_current() is None
    serving.holder().refresh()
    assert serving.predictor_current().weights == starter.weights_id
    assert "was not signed" in serving.status().problem
    again = services.starter_deploy()
    assert (again.pk > starter.pk, selectors.deployment_current()) == (True, again)


def test_a_deployment_that_vanishes_changes_nothing_in_a_process_that_saw_it(starter, finished_run):
    decision = services.promotion_decide(run=finished_run(), by="olga")
    serving.holder().refresh()
    sql("DELETE FROM releases_deployment WHERE decision_id = %s", decision.pk)
    serving.holder().refresh()
    assert serving.predictor_current().weights == decision.challenger_id
    assert "is gone from the database" in serving.status().problem


def canary(decision, stage="canary", signature=""):
    sql(CANARY, uuid.uuid4(), decision.pk, decision.challenger_id, stage, signature)
    return Rollout.objects.get(decision=decision)


def test_a_canary_of_a_refused_decision_serves_nobody(refused, starter):
    rollout = canary(refused)
    assert selectors.canary_current() is None
    assert goes_on(starter, "serves nobody")
    sql("UPDATE releases_rollout SET signature = %s", signing.signature_of(rollout))
    assert selectors.canary_current() is None
    assert goes_on(starter, str(NotPassed()))
    assert serving.predictor_current(uuid.uuid4()).weights == starter.weights_id
    assert serving.holder().canary is None


def test_the_worker_ends_a_canary_that_is_not_ours_instead_of_letting_it_through(taken_back, starter):
    rollout = canary(taken_back)
    assert "not signed" in rollouts.rollouts_advance()
    rollout.refresh_from_db()
    assert rollout.stage == "ended"
    assert selectors.deployment_current().weights_id == starter.weights_id
    sql("UPDATE releases_rollout SET stage = 'canary', signature = '', ended_at = NULL")
    with pytest.raises(NotSigned):
        rollouts.rollout_next(rollout=rollout, by="olga")


def test_a_canary_waits_for_the_approval_that_its_shadow_does_not_need(waiting, starter):
    rollout = canary(waiting, stage="shadow")
    assert isinstance(refusal(rollout), NotSigned)
    assert shadow.shadow_answer() == 0
    signing.signed(rollout)
    assert refusal(rollout) is None
    sql("UPDATE releases_rollout SET stage = 'canary'")
    rollout.refresh_from_db()
    sql("UPDATE releases_rollout SET signature = %s", signing.signature_of(rollout))
    assert selectors.canary_current() is None
    assert isinstance(refusal(Rollout.objects.get()), NotApproved)
    sql(APPROVE, waiting.pk)
    assert isinstance(refusal(Rollout.objects.get()), NotApproved)
    signing.signed(Approval.objects.get())
    assert selectors.canary_current() == rollout


def refusal(row):
    try:
        verification.permit(row)
    except ReleaseError as error:
        return error
    return None


def test_a_stage_that_is_over_is_not_set_back(starter, finished_run):
    RetrainPolicy.objects.create(canary_share=0.5)
    services.promotion_decide(run=finished_run(), by="olga")
    rollout = Rollout.objects.get()
    assert selectors.canary_current() == rollout
    rollouts.rollout_end(rollout=rollout, by="olga")
    sql("UPDATE releases_rollout SET stage = 'canary', ended_at = NULL")
    assert selectors.canary_current() is None


@pytest.fixture
def large(starter, monkeypatch):
    """A champion that is too large for CPUs; nothing of it lies on the disk."""
    from stickersnap.releases.models import Weights

    weights = Weights.objects.create(sha256="e" * 64, network="u2net", card={"golden": {}})
    monkeypatch.setattr("stickersnap.releases.gate.decisions.self_test", lambda folder: {"pictures": 3})
    return services.weights_use(weights=weights, by="olga")


STUDENT = (
    "INSERT INTO releases_studentdeployment (weights_id, decision_id, champion_id, passed, by, created_at) "
    "VALUES (%s, %s, %s, true, 'sql', now())"
)


def test_a_student_by_sql_serves_no_cpu_and_no_browser(large, starter, finished_run):
    run = finished_run(gain=-0.1, champion=starter.weights)
    run.kind, run.teacher = TrainingRun.Kind.STUDENT, large.weights
    run.save()
    decision = services.promotion_decide(run=run, by="student")
    assert not decision.passed
    sql(STUDENT, decision.challenger_id, decision.pk, large.weights_id)
    assert selectors.student_of(large) is None
    assert serving.row_here(large) == large
    assert "Student" in checkup.rightful().sentence
    signature = signing.signature_of(StudentDeployment.objects.get())
    sql("UPDATE releases_studentdeployment SET signature = %s", signature)
    assert selectors.student_of(large) is None, "its decision did not pass"


def test_a_gates_decision_lets_no_student_in_and_a_students_no_champion(large, starter, finished_run):
    run = finished_run(champion=starter.weights)
    run.kind, run.teacher = TrainingRun.Kind.STUDENT, large.weights
    run.save()
    decision = services.promotion_decide(run=run, by="student")
    deploy(decision)
    row = Deployment.objects.first()
    sql("UPDATE releases_deployment SET signature = %s WHERE id = %s", signing.signature_of(row), row.pk)
    assert selectors.deployment_current() == large
    assert "of the kind student" in checkup.rightful().sentence


def test_another_card_is_refused_with_a_sentence(starter):
    folder = services.weights_folder(starter.weights_id)
    card = json.loads((folder / sets.CARD).read_text())
    (folder / sets.CARD).write_text(json.dumps({**card, "subject_threshold": 1.0}))
    with pytest.raises(sets.WeightsError, match="is not the card that was signed"):
        verification.weights_set(verification.permit(starter), sets.inspect(folder))
    serving.holder().refresh()
    assert serving.holder().current is None
    assert "is not the card that was signed" in serving.status().problem
    assert checkup.deployed(starter).health is checkup.Health.ILL
    with pytest.raises(ReleaseError):
        serving.browser_graph()
    services.weights_register(folder=sets.starter_folder())
    assert checkup.deployed(starter).health is checkup.Health.WELL, "brought in again, it is healed"


def test_the_card_of_a_challenger_is_in_the_evidence(starter, finished_run):
    decision = services.promotion_decide(run=finished_run(), by="olga")
    folder = services.weights_folder(decision.challenger_id)
    assert decision.evidence["digests"]["card"] == pins.card_digest(sets.read_card(folder))
    sets.write_card(folder, {**sets.read_card(folder), "size": 288})
    with pytest.raises(sets.WeightsError, match="is not the card"):
        verification.weights_set(verification.permit(Deployment.objects.first()), sets.inspect(folder))


def test_a_card_in_the_database_is_no_word_either(starter, finished_run):
    """Neither of a decision that names its card, nor, without a signature, of one from before cards were named."""
    decision = services.promotion_decide(run=finished_run(), by="olga")
    folder = services.weights_folder(decision.challenger_id)
    card = {**sets.read_card(folder), "subject_threshold": 1.0}
    sets.write_card(folder, card)
    sql("UPDATE releases_weights SET card = %s WHERE sha256 = %s", json.dumps(card), decision.challenger_id)
    decided = verification.permit(Deployment.objects.first())
    for digests in (decided.digests, {"weights": decision.challenger_id}):
        with pytest.raises(sets.WeightsError, match="is not the card"):
            verification.weights_set(verification.replace(decided, digests=digests), sets.inspect(folder))


def test_rows_from_before_there_were_signatures_are_signed_once_and_whoever_migrates_is_told(starter, capsys):
    sql("UPDATE releases_deployment SET signature = ''")
    sql("UPDATE releases_weights SET signature = ''")
    assert selectors.deployment_current() is None
    migration = import_module("stickersnap.releases.migrations.0010_signed_rows")
    migration.sign(apps, None)
    assert selectors.deployment_current() == starter
    assert "1 of Deployment, 1 of Weights" in capsys.readouterr().err
    migration.sign(apps, None)
    assert capsys.readouterr().err == ""


def test_the_command_tells_every_kind_of_row_that_is_not_ours(waiting, starter, settings):
    sql(APPROVE, waiting.pk)
    deploy(waiting)
    with pytest.raises(CommandError, match=r"approvals \[\d+\] of 1, deployments \[\d+\] of 2"):
        call_command("decision", "verify")
    with pytest.raises(CommandError, match=r"approvals \d+, deployments \d+: signed by no key"):
        call_command("decision", "sign")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 40, [settings.SECRET_KEY]
    with pytest.raises(CommandError):
        call_command("decision", "sign")
    settings.SECRET_KEY_FALLBACKS = []
    assert selectors.deployment_current() == starter, "what was ours is signed by the new key"


def test_a_rollout_that_is_over_may_not_be_loaded(starter, finished_run):
    RetrainPolicy.objects.create(canary_share=0.5)
    services.promotion_decide(run=finished_run(), by="olga")
    rollout = Rollout.objects.get()
    rollouts.rollout_end(rollout=rollout, by="olga")
    assert isinstance(refusal(rollout), NotRightful)
