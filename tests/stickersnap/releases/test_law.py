"""What PostgreSQL itself refuses, typed by hand as SQL."""

import pytest
from django.db import IntegrityError, connection, transaction

from stickersnap.releases.gate.decisions import decision_record
from stickersnap.releases.models import (
    Approval,
    Deployment,
    HoldoutLook,
    PromotionDecision,
    RetrainPolicy,
    TrainingRun,
    Weights,
)

CHAMPION, CHALLENGER = "a" * 64, "b" * 64


@pytest.fixture
def champion(db):
    return Weights.objects.create(sha256=CHAMPION, network="basnet-small")


@pytest.fixture
def challenger(champion):
    return Weights.objects.create(sha256=CHALLENGER, network="basnet-small")


@pytest.fixture
def serving(champion):
    """The champion serves, as it was shipped."""
    decision = decision_record(kind="starter", challenger=champion, passed=True, reason="shipped")
    return Deployment.objects.create(weights=champion, decision=decision, by="starter")


@pytest.fixture
def decide(champion, challenger, next_token):
    def decide(passed, **more):
        token = next_token()
        run = TrainingRun.objects.create(
            network="basnet-small", minutes=1, requested_by="olga", state="refused", token=token
        )
        names = {"champion": champion, "challenger": challenger, "run": run, "token": token}
        return decision_record(kind="gate", passed=passed, reason="because", **{**names, **more})

    return decide


def refused(statement, *values):
    def run():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError):
        run()
    return True


INSERT = (
    "INSERT INTO releases_deployment (weights_id, decision_id, passed, by, created_at) VALUES (%s, %s, %s, 'x', now())"
)


def test_a_passing_decision_deploys(serving, decide):
    decision = decide(passed=True)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [CHALLENGER, decision.id, True])
    assert Deployment.objects.first().weights_id == CHALLENGER


@pytest.mark.parametrize("claimed", [True, False])
def test_a_refusing_decision_never_deploys(decide, claimed):
    decision = decide(passed=False)
    assert refused(INSERT, CHALLENGER, decision.id, claimed)
    assert not Deployment.objects.exists()


def test_a_passing_decision_deploys_no_other_weights(serving, decide):
    decision = decide(passed=True)
    assert refused(INSERT, CHAMPION, decision.id, True)


def test_a_deployment_needs_a_decision(challenger):
    assert refused(INSERT, CHALLENGER, None, True)
    assert refused(INSERT, CHALLENGER, 12345, True)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("UPDATE releases_promotiondecision SET passed = false", []),
        ("UPDATE releases_promotiondecision SET challenger_id = %s", [CHAMPION]),
        ("DELETE FROM releases_promotiondecision", []),
        ("UPDATE releases_deployment SET weights_id = %s", [CHAMPION]),
        ("UPDATE releases_deployment SET passed = false", []),
        ("UPDATE releases_deployment SET passed = NULL", []),
        ("UPDATE releases_deployment SET by = 'someone else'", []),
        ("UPDATE releases_deployment SET rollback_of_id = id", []),
        ("DELETE FROM releases_deployment", []),
        ("UPDATE releases_promotiondecision SET signature = ''", []),
        ("UPDATE releases_promotiondecision SET id = id + 100", []),
    ],
)
def test_nothing_is_pulled_from_under_a_deployment(serving, decide, change, values):
    Deployment.objects.create(weights_id=CHALLENGER, decision=decide(passed=True), by="x")
    assert refused(change, *values)


def test_a_decision_of_the_gate_names_its_run_and_its_champion(decide):
    decide(passed=True)
    assert refused("UPDATE releases_promotiondecision SET run_id = NULL")
    assert refused("UPDATE releases_promotiondecision SET champion_id = NULL")
    assert refused("UPDATE releases_promotiondecision SET kind = 'starter'")


def test_the_champion_never_beats_itself(decide):
    decide(passed=True)
    assert refused("UPDATE releases_promotiondecision SET champion_id = challenger_id")


@pytest.mark.parametrize("first", ["queued", "freezing", "training", "deciding"])
@pytest.mark.parametrize("second", ["queued", "training"])
def test_one_run_is_active_at_a_time(db, first, second):
    TrainingRun.objects.create(network="basnet-small", minutes=1, requested_by="olga", state=first)
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.create(network="basnet-small", minutes=1, requested_by="olga", state=second)


@pytest.mark.parametrize("over", ["promoted", "refused", "failed"])
def test_a_run_that_is_over_is_in_nobodys_way(db, over):
    for state in (over, over, "queued"):
        TrainingRun.objects.create(network="basnet-small", minutes=1, requested_by="olga", state=state)
    assert TrainingRun.objects.count() == 3


def test_weights_are_named_by_a_sha256(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        Weights.objects.create(sha256="../../etc/passwd", network="basnet-small")


@pytest.mark.parametrize(
    "broken", [{"id": 2}, {"hour": 24}, {"minutes": 0}, {"interval_hours": 0}, {"heldout_minimum": 1}]
)
def test_the_policy_is_one_row_within_bounds(db, broken):
    with pytest.raises(IntegrityError), transaction.atomic():
        RetrainPolicy.objects.create(**broken)


DECIDE = (
    "INSERT INTO releases_promotiondecision "
    "(kind, champion_id, challenger_id, passed, reason, evidence, by, signature, approval_needed, created_at) "
    "VALUES ('operator', %s, %s, %s, %s, %s, %s, %s, false, now()) RETURNING id"
)
TESTED = '{"self_test": {"pictures": 4}}'
TESTED_JSON = {"self_test": {"pictures": 4}}


def chosen(champion, challenger, passed=True, reason="because", evidence=TESTED, by="olga"):
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, [champion, challenger, passed, reason, evidence, by, "0" * 64])
        return cursor.fetchone()[0]


def test_an_operators_choice_deploys_over_nothing_and_over_what_serves(challenger):
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [CHAMPION, chosen(None, CHAMPION), True])
        cursor.execute(INSERT, [CHALLENGER, chosen(CHAMPION, CHALLENGER), True])
    assert Deployment.objects.order_by("-id").first().weights_id == CHALLENGER


@pytest.mark.parametrize("missing", [{"by": ""}, {"reason": ""}, {"evidence": "{}"}, {"evidence": '{"images": []}'}])
def test_an_operators_choice_says_who_and_why_and_was_tested(challenger, missing):
    values = {"passed": True, "reason": "because", "evidence": TESTED, "by": "olga", "signature": "", **missing}
    assert refused(DECIDE, None, CHALLENGER, *values.values())


def test_an_operators_choice_names_what_serves(challenger):
    assert refused(DECIDE, CHAMPION, CHALLENGER, True, "because", TESTED, "olga", "")
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [CHAMPION, chosen(None, CHAMPION), True])
    assert refused(DECIDE, None, CHALLENGER, True, "because", TESTED, "olga", "")
    assert refused(DECIDE, CHAMPION, CHAMPION, True, "because", TESTED, "olga", "")


def test_an_operators_choice_has_no_run_and_deploys_only_when_it_passed(challenger, decide):
    run = decide(passed=False).run_id
    with_run = DECIDE.replace("created_at)", "created_at, run_id)").replace("now())", "now(), %s)")
    assert refused(with_run, None, CHALLENGER, True, "because", TESTED, "olga", "", run)
    failed = chosen(None, CHALLENGER, passed=False)
    assert refused(INSERT, CHALLENGER, failed, True)
    assert refused(INSERT, CHALLENGER, failed, False)


@pytest.mark.parametrize(
    "change",
    [
        "passed = true",
        "kind = 'operator', run_id = NULL, by = 'olga', passed = true, evidence = '{\"self_test\": {}}'",
        "reason = 'other'",
    ],
)
def test_a_refusal_is_not_rewritten_into_anything_else(decide, change):
    decision = decide(passed=False)
    assert refused(f"UPDATE releases_promotiondecision SET {change}")
    decision.refresh_from_db()
    assert (decision.passed, decision.kind, decision.reason) == (False, "gate", "because")


def test_an_unsigned_decision_deploys_nothing(serving, challenger):
    unsigned = PromotionDecision.objects.create(
        kind="operator",
        champion_id=CHAMPION,
        challenger=challenger,
        passed=True,
        reason="x",
        by="x",
        evidence=TESTED_JSON,
    )
    assert refused(INSERT, CHALLENGER, unsigned.id, True)
    assert refused("UPDATE releases_promotiondecision SET signature = repeat('0', 64), passed = NOT passed")


def test_a_decision_that_waits_deploys_only_once_it_is_approved(serving, decide):
    decision = decide(passed=True, approval_needed=True)
    assert refused(INSERT, CHALLENGER, decision.id, True)
    Approval.objects.create(decision=decision, approved=True, by="olga")
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [CHALLENGER, decision.id, True])
    assert Deployment.objects.first().weights_id == CHALLENGER


def test_a_declined_decision_stays_declined(serving, decide):
    decision = decide(passed=True, approval_needed=True)
    Approval.objects.create(decision=decision, approved=False, by="olga")
    assert refused(INSERT, CHALLENGER, decision.id, True)
    assert refused("UPDATE releases_approval SET approved = true")
    assert refused("DELETE FROM releases_approval")
    columns = "(decision_id, approved, by, comment, created_at)"
    assert refused(f"INSERT INTO releases_approval {columns} VALUES ({decision.id}, true, 'olga', '', now())")


@pytest.mark.parametrize(("passed", "approval_needed"), [(False, True), (True, False)])
def test_only_what_waits_is_approved(decide, passed, approval_needed):
    decision = decide(passed=passed, approval_needed=approval_needed)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(decision=decision, approved=True, by="olga")


def test_a_stale_decision_deploys_nothing(serving, decide, champion):
    first, second = decide(passed=True), decide(passed=True)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [CHALLENGER, first.id, True])
    assert refused(INSERT, CHALLENGER, second.id, True)
    assert refused(INSERT, CHAMPION, serving.decision_id, True), "nor do the shipped weights, but by a rollback"


def test_a_rollback_goes_one_step_back_and_nowhere_else(serving, decide):
    back = INSERT.replace("created_at)", "created_at, rollback_of_id)").replace("now())", "now(), %s)")
    newer = decide(passed=True)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [CHALLENGER, newer.id, True])
    deployed = Deployment.objects.first()
    assert refused(back, CHALLENGER, newer.id, True, deployed.id), "to itself"
    assert refused(back, CHAMPION, serving.decision_id, True, serving.id), "of what does not serve"
    with connection.cursor() as cursor:
        cursor.execute(back, [CHAMPION, serving.decision_id, True, deployed.id])
    assert refused(back, CHAMPION, serving.decision_id, True, deployed.id), "twice"


@pytest.mark.parametrize("table", ["promotiondecision", "deployment", "approval", "holdoutlook"])
def test_what_was_decided_is_not_emptied(db, table):
    with connection.cursor() as cursor:  # off for the whole test run, as other tests empty their tables
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgtype & 32 > 0 AND tgrelid = %s::regclass", [f"releases_{table}"]
        )
        (trigger,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE releases_{table} ENABLE TRIGGER {trigger}")
    assert refused(f"TRUNCATE releases_{table} CASCADE")


def test_looks_are_never_forgotten(decide):
    decision = decide(passed=False)
    HoldoutLook.objects.create(decision=decision, group="g")
    assert refused("DELETE FROM releases_holdoutlook")
    assert refused("UPDATE releases_holdoutlook SET \"group\" = 'other'")
    with pytest.raises(IntegrityError), transaction.atomic():
        HoldoutLook.objects.create(decision=decision, group="g")
