"""Decisions are signed, wait for approval where that is asked for, and show what they were based on."""

import json
from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from PIL import Image

from annotations.models import DatasetItem, Photo
from stickersnap.releases import selectors, services, serving, signing, verification
from stickersnap.releases.exceptions import BenchmarkRefused, NoApprovalNeeded, NotSigned, StaleDecision
from stickersnap.releases.gate import gate, holdout
from stickersnap.releases.models import Approval, Deployment, HoldoutLook, PromotionDecision, RetrainPolicy, Weights

pytestmark = pytest.mark.django_db
OLD, NEW = "k" * 40, "n" * 40


@pytest.fixture
def starter():
    return services.starter_deploy()


@pytest.fixture
def waiting(starter, finished_run):
    RetrainPolicy.objects.create(manual_approval=True)
    run = finished_run()
    decision = services.promotion_decide(run=run, by="olga")
    run.state, run.started_at = "waiting", decision.created_at - timedelta(minutes=9)
    run.finished_at = decision.created_at
    run.save()
    return decision


def serves():
    return selectors.deployment_current().weights_id


def edit(run, change):
    path = services.run_folder(run) / "evaluation.json"
    evaluation = json.loads(path.read_text())
    change(evaluation)
    path.write_text(json.dumps(evaluation))


def test_every_decision_is_signed_with_all_it_says(starter, finished_run, settings):
    decision = services.promotion_decide(run=finished_run(), by="olga")
    for made in (starter.decision, decision):
        made.refresh_from_db()
        assert signing.verifies(made)
    digests = decision.evidence["digests"]
    assert digests["weights"] == decision.challenger_id
    assert (digests["champion"], digests["dataset"]) == (starter.weights_id, f"{1:064x}")
    assert set(starter.decision.evidence["digests"]["forms"]) == set(starter.weights.card["forms"])
    assert len(decision.evidence["code"]) == len(digests["evaluation"]) == 64
    for name, other in {
        "reason": "x",
        "passed": False,
        "by": "x",
        "token": 7,
        "approval_needed": True,
        "challenger_id": starter.weights_id,
    }.items():
        changed = PromotionDecision.objects.get(pk=decision.pk)
        setattr(changed, name, other)
        assert not signing.verifies(changed), name
    changed = PromotionDecision.objects.get(pk=decision.pk)
    changed.evidence["images"][3]["challenger_iou"] += 1e-9
    assert not signing.verifies(changed)


FORGE = (
    "INSERT INTO releases_promotiondecision "
    "(kind, champion_id, challenger_id, passed, reason, evidence, by, signature, approval_needed, created_at) "
    "VALUES ('operator', %s, %s, true, 'x', '{\"self_test\": {}}', 'x', %s, false, now()) "
    "RETURNING id"
)


def forged(starter, other_weights):
    """Weights smuggled in by SQL: a decision with the form of a signature, and its deployment."""
    weights = services.weights_register(folder=other_weights(5))
    with connection.cursor() as cursor:
        cursor.execute(FORGE, [starter.weights_id, weights.sha256, starter.decision.signature])
        decision = PromotionDecision.objects.get(pk=cursor.fetchone()[0])
        cursor.execute(
            "INSERT INTO releases_deployment (weights_id, decision_id, passed, by, created_at) "
            "VALUES (%s, %s, true, 'x', now())",
            [weights.sha256, decision.pk],
        )
    return decision


def test_a_server_takes_up_no_forged_decision(starter, other_weights):
    assert serving.predictor_current().weights == starter.weights_id
    decision = forged(starter, other_weights)
    serving.holder().refresh()
    assert serving.predictor_current().weights == starter.weights_id
    assert "was not signed by this installation" in serving.status().problem
    serving.reset()
    assert serving.predictor_current().weights == starter.weights_id, "nor does a process that starts afresh"
    assert f"Decision {decision.pk}" in serving.status().problem
    services.rollback(by="olga")
    serving.reset()
    assert serving.predictor_current().weights == starter.weights_id


def test_our_own_code_deploys_no_forged_decision_either(starter, other_weights):
    decision = forged(starter, other_weights)
    services.rollback(by="olga")
    with pytest.raises(NotSigned):
        services.deployment_create(decision=decision, by="olga")
    with pytest.raises(CommandError, match=rf"decisions \[{decision.pk}\] of 2"):
        call_command("decision", "verify")


def test_a_form_that_no_decision_names_is_not_served(starter):
    folder = services.weights_folder(starter.weights_id)
    card = json.loads((folder / "card.json").read_text())
    form = folder / card["forms"]["int8"]["file"]
    form.write_bytes(b"another graph")
    from segmentation import weights as sets

    card["forms"]["int8"]["sha256"] = sets.digest(form)
    sets.write_card(folder, card)
    found = verification.weights_set(verification.permit(starter), sets.inspect(folder))
    assert "int8" not in found.forms
    assert set(found.forms) == set(card["forms"]) - {"int8"}


def test_a_new_key_takes_over_from_the_old_one(starter, settings):
    settings.SECRET_KEY = NEW
    decision = starter.decision
    decision.refresh_from_db()
    assert not signing.verifies(decision)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OLD, []
    with pytest.raises(CommandError, match="signed by no key known here"):
        call_command("decision", "sign")
    call_command("decision", "sign", "--trust", str(decision.pk), stdout=StringIO())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    decision.refresh_from_db()
    assert signing.verifies(decision)
    call_command("decision", "sign", stdout=StringIO())
    settings.SECRET_KEY_FALLBACKS = []
    decision.refresh_from_db()
    assert signing.verifies(decision)
    out = StringIO()
    call_command("decision", "verify", stdout=out)
    assert "All 1 decisions are signed" in out.getvalue()


def test_decisions_from_before_are_signed_once(starter):
    from importlib import import_module

    from django.apps import apps

    migration = import_module("stickersnap.releases.migrations.0006_sign")
    old = PromotionDecision.objects.create(
        kind="operator",
        champion=starter.weights,
        challenger=starter.weights,
        passed=False,
        reason="before",
        by="x",
        evidence={"self_test": {}},
    )
    signature = starter.decision.signature
    migration.sign(apps, None)
    old.refresh_from_db()
    assert signing.verifies(old)
    starter.decision.refresh_from_db()
    assert starter.decision.signature == signature


@pytest.mark.parametrize(("old", "new"), [(4, 20), (9, 9)])
def test_the_old_default_of_held_out_photos_is_raised_and_a_choice_is_kept(db, old, new):
    from importlib import import_module

    from django.apps import apps

    RetrainPolicy.objects.create(heldout_minimum=old)
    import_module("stickersnap.releases.migrations.0006_sign").minimum_raise(apps, None)
    assert RetrainPolicy.objects.get().heldout_minimum == new


def test_what_passed_waits_for_approval_and_then_serves(waiting, starter):
    assert waiting.passed
    assert serves() == starter.weights_id
    deployment = services.decision_approve(decision=waiting, by="olga", comment="Looks right.")
    assert deployment.weights_id == serves() == waiting.challenger_id
    assert (waiting.approval.by, waiting.approval.approved) == ("olga", True)
    waiting.run.refresh_from_db()
    assert waiting.run.state == "promoted"
    assert "Approved by olga" in waiting.run.message
    for again in (services.decision_approve, services.decision_decline):
        with pytest.raises(NoApprovalNeeded):
            again(decision=waiting, by="olga")


def test_what_is_declined_never_serves(waiting, starter):
    services.decision_decline(decision=waiting, by="olga", comment="Whiskers are gone.")
    waiting.run.refresh_from_db()
    assert waiting.run.state == "refused"
    assert "Whiskers are gone" in waiting.run.message
    with pytest.raises(NoApprovalNeeded):
        services.decision_approve(decision=waiting, by="olga")
    assert serves() == starter.weights_id


def test_an_approval_that_comes_too_late_is_stale(waiting, other_weights):
    services.weights_use(weights=services.weights_register(folder=other_weights(3)), by="olga")
    with pytest.raises(StaleDecision):
        services.decision_approve(decision=waiting, by="olga")
    assert not Approval.objects.exists()


def test_a_refusal_waits_for_nobody(starter, finished_run):
    RetrainPolicy.objects.create(manual_approval=True)
    decision = services.promotion_decide(run=finished_run(gain=-0.1), by="olga")
    assert not decision.approval_needed
    with pytest.raises(NoApprovalNeeded):
        services.decision_approve(decision=decision, by="olga")


def test_approval_by_command(waiting, people):
    out = StringIO()
    call_command("decision", "list", stdout=out)
    assert f"* {waiting.pk} gate" in out.getvalue()
    with pytest.raises(CommandError, match="no operator"):
        call_command("decision", "approve", str(waiting.pk), "--by", "alice")
    call_command("decision", "approve", str(waiting.pk), "--by", "olga", stdout=out)
    assert serves() == waiting.challenger_id
    with pytest.raises(CommandError, match="Nothing waits here"):
        call_command("decision", "decline", str(waiting.pk), "--by", "olga")


def test_approval_over_http(waiting, people, client):
    client.force_login(people.olga)
    address = f"/api/v1/releases/decisions/{waiting.pk}/"
    told = client.get(address).json()
    assert (told["waiting"], told["signed"], told["approval"]) == (True, True, None)
    assert len(told["evidence"]["images"]) == 24
    assert told["run"] == str(waiting.run_id)
    answer = client.post(f"{address}approve/", {"comment": "Yes."}, content_type="application/json")
    assert answer.status_code == 200
    assert (answer.json()["waiting"], answer.json()["approval"]["by"]) == (False, "olga")
    assert serves() == waiting.challenger_id
    again = client.post(f"{address}decline/", {}, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "no_approval_needed")
    assert client.get("/api/v1/releases/decisions/999999/").status_code == 404


def test_the_wait_for_an_approval_is_told_apart_from_the_time_a_run_took(waiting, people, client):
    client.force_login(people.olga)
    (run,) = client.get("/api/v1/releases/runs/").json()["results"]
    assert (run["state"], run["approval_at"]) == ("waiting", None)
    services.decision_approve(decision=waiting, by="olga")
    (settled,) = client.get("/api/v1/releases/runs/").json()["results"]
    assert settled["state"] == "promoted"
    assert (settled["started_at"], settled["finished_at"]) == (run["started_at"], run["finished_at"])
    assert settled["approval_at"] > settled["finished_at"]


@pytest.mark.parametrize(("action", "approved"), [("approve", True), ("decline", False)])
def test_approval_in_the_admin(waiting, people, client, action, approved):
    people.olga.is_staff = people.olga.is_superuser = True
    people.olga.save()
    client.force_login(people.olga)
    chosen = {"action": action, "_selected_action": [waiting.pk]}
    answer = client.post("/admin/releases/promotiondecision/", chosen, follow=True)
    assert f"Decision {waiting.pk}: done." in answer.content.decode()
    assert Approval.objects.get().approved is approved
    again = client.post("/admin/releases/promotiondecision/", chosen, follow=True)
    assert "Nothing waits here" in again.content.decode()


def test_each_decision_counts_as_a_look_at_its_groups(starter, finished_run):
    refused = services.promotion_decide(run=finished_run(seed=1, gain=-0.1), by="olga")
    refused.run.state = "refused"
    refused.run.save()
    passed = services.promotion_decide(run=finished_run(seed=2), by="olga")
    assert HoldoutLook.objects.filter(decision=refused).count() == 24
    assert set(holdout.looks().values()) == {2}
    assert passed.evidence["confidence"] == pytest.approx(1 - gate.ERROR / 2)


def test_a_decision_that_saw_no_scores_is_no_look(starter, finished_run):
    run = finished_run()
    edit(run, lambda e: e["images"].clear())
    services.promotion_decide(run=run, by="olga")
    assert not HoldoutLook.objects.exists()


def test_worst_and_best_are_shown_to_operators_as_long_as_the_photo_is_there(starter, finished_run, people, client):
    run = finished_run()
    sha256 = f"{1000:064x}"
    edit(run, lambda e: e.update(evidence=[{"name": "worst-1.webp", "image_sha256": sha256, "gain": -0.1}]))
    folder = services.run_folder(run) / "evidence"
    folder.mkdir()
    for name in ("worst-1.webp", "other.webp"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / name)
    services.promotion_decide(run=run, by="olga")
    item = DatasetItem.objects.get(dataset=run.dataset, image_sha256=sha256)
    photo = Photo.objects.create(
        id=item.photo,
        owner=people.alice.id,
        image=b"x",
        media_type="image/png",
        sha256=sha256,
        upload_sha256=sha256,
        width=1,
        height=1,
        phash=0,
        group=item.group,
        consented_at="2026-01-01T00:00:00Z",
    )
    address = f"/api/v1/releases/runs/{run.pk}/evidence/"
    client.force_login(people.olga)
    answer = client.get(f"{address}worst-1.webp")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert b"".join(answer.streaming_content)[:4] == b"RIFF"
    for name in ("other.webp", "worst-2.webp", "..%2Fevaluation.json"):
        assert client.get(address + name).status_code == 404
    photo.consented_at = None
    photo.save()
    assert client.get(f"{address}worst-1.webp").status_code == 404
    assert not (folder / "worst-1.webp").exists()


@pytest.fixture
def cups(tmp_path, coffee, disc, as_png):
    folder = tmp_path / "cups"
    for part, picture in (("images", coffee), ("masks", disc(*coffee.shape[:2]))):
        (folder / part).mkdir(parents=True)
        (folder / part / "one.png").write_bytes(as_png(picture))
    return folder


def test_a_benchmark_is_imported_judged_on_and_removed(starter, finished_run, cups):
    out = StringIO()
    call_command("benchmark", "list", stdout=out)
    assert "no benchmark yet" in out.getvalue()
    call_command("benchmark", "add", "cups", str(cups), stdout=out)
    call_command("benchmark", "list", stdout=out)
    assert "cups 1 pictures" in out.getvalue()
    with pytest.raises(CommandError, match="already"):
        call_command("benchmark", "add", "cups", str(cups))
    run = finished_run(seed=1)
    refused = services.promotion_decide(run=run, by="olga")
    assert "was not judged on the benchmark cups" in refused.reason
    run.state = "refused"
    run.save()
    judged = finished_run(seed=2)
    (entry,) = services.benchmarks()
    edit(judged, lambda e: e.update(benchmarks={"cups": {"digest": entry.digest, "images": e["images"][:5]}}))
    passed = services.promotion_decide(run=judged, by="olga")
    assert passed.passed, passed.reason
    assert passed.evidence["benchmarks"]["cups"]["digest"] == entry.digest
    call_command("benchmark", "remove", "cups", stdout=out)
    assert services.benchmarks() == []
    with pytest.raises(CommandError, match="no benchmark"):
        call_command("benchmark", "remove", "cups")
    call_command("benchmark", "add", "cups", str(cups), stdout=out)


@pytest.mark.parametrize("name", ["", "../up", "Cups", "a" * 41])
def test_a_benchmark_needs_a_plain_name(db, cups, name):
    with pytest.raises(BenchmarkRefused):
        services.benchmark_add(name=name, folder=cups, by="olga")


def test_a_folder_that_is_no_benchmark_leaves_nothing_behind(db, cups, state):
    (cups / "masks" / "one.png").unlink()
    with pytest.raises(BenchmarkRefused, match="can't be a benchmark"):
        services.benchmark_add(name="cups", folder=cups, by="olga")
    assert list((state / "benchmarks").iterdir()) == []
    assert Weights.objects.count() == Deployment.objects.count() == 0
