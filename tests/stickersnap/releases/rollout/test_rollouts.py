"""A challenger answers silently, then serves some people, then all; and is taken back when people correct it more."""

import io
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from PIL import Image

from annotations import services as labels
from annotations.models import Correction, Photo, Prediction
from segmentation import mask as masks
from segmentation import picture as pictures
from stickersnap.releases import selectors, services, serving, signing
from stickersnap.releases.exceptions import NotApproved, RolloutOver
from stickersnap.releases.models import Deployment, RetrainPolicy, Rollout, ShadowAnswer
from stickersnap.releases.rollout import canary, rollouts, shadow
from stickersnap.releases.weights.store import weights_folder

pytestmark = pytest.mark.django_db
ROLLOUTS = "/api/v1/releases/rollouts/"


@pytest.fixture
def starter():
    return services.starter_deploy()


@pytest.fixture
def let_through(starter, finished_run):
    """A challenger that passed, under a policy."""

    def make(**policy):
        RetrainPolicy.objects.update_or_create(id=1, defaults={"heldout_minimum": 4, **policy})
        decision = services.promotion_decide(run=finished_run(), by="olga")
        assert decision.passed
        return decision

    return make


def under_way():
    return Rollout.objects.get(stage__in=Rollout.UNDER_WAY)


def later(rollout, **time):
    Rollout.objects.filter(id=rollout.id).update(stage_at=timezone.now() - timedelta(**time))
    signing.signed(Rollout.objects.get(id=rollout.id))


def bring(owner, predictor, rgb, name="photo"):
    png = io.BytesIO()
    Image.fromarray(rgb).save(png, "PNG")
    picture = pictures.decode(png.getvalue())
    return labels.photo_create(
        owner=owner,
        upload=png.getvalue(),
        picture=picture,
        predictor=predictor,
        cut=predictor.predict(picture.small),
        name=name,
        consented_at=timezone.now(),
    )


def test_without_trials_in_the_policy_it_serves_everyone_at_once(let_through):
    decision = let_through()
    assert selectors.deployment_current().decision == decision
    assert not Rollout.objects.exists()


def test_shadow_then_canary_then_everyone(let_through, starter):
    decision = let_through(shadow_share=1.0, shadow_hours=2, canary_share=0.2, canary_hours=3)
    rollout = under_way()
    assert (rollout.stage, rollout.decision) == ("shadow", decision)
    assert rollouts.rollouts_advance() == ""
    later(rollout, hours=2)
    rollouts.rollouts_advance()
    assert under_way().stage == "canary"
    assert selectors.canary_current() == rollout
    assert selectors.deployment_current() == starter
    later(rollout, hours=3)
    rollouts.rollouts_advance()
    rollout.refresh_from_db()
    assert rollout.stage == "full"
    assert selectors.deployment_current().decision == decision
    assert rollouts.rollouts_advance() == ""
    assert services.rollback(by="olga").weights_id == starter.weights_id


def test_what_waits_for_approval_gets_no_further_than_the_shadow(let_through, starter):
    decision = let_through(shadow_share=0.5, shadow_hours=1, manual_approval=True)
    rollout = under_way()
    later(rollout, hours=9)
    rollouts.rollouts_advance()
    assert under_way().stage == "shadow"
    with pytest.raises(NotApproved):
        rollouts.rollout_next(rollout=rollout, by="olga")
    with pytest.raises(IntegrityError, match="waits for"), transaction.atomic():
        Rollout.objects.filter(id=rollout.id).update(stage="canary")
    services.decision_approve(decision=decision, by="olga")
    assert selectors.deployment_current().decision == decision
    rollout.refresh_from_db()
    assert rollout.stage == "full"


def test_declined_it_is_over(let_through, starter):
    decision = let_through(shadow_share=0.5, manual_approval=True)
    services.decision_decline(decision=decision, by="olga")
    assert "declined" in rollouts.rollouts_advance()
    assert selectors.deployment_current() == starter


def test_weights_deployed_meanwhile_end_it(let_through, other_weights):
    let_through(canary_share=0.2)
    services.weights_use(weights=services.weights_register(folder=other_weights(2)), by="olga")
    assert selectors.canary_current() is None, "not for a second is a stale challenger served"
    assert "meanwhile" in rollouts.rollouts_advance()


def test_operators_look_move_on_and_end_it(let_through, people, client, starter):
    let_through(shadow_share=1.0, canary_share=0.1)
    client.force_login(people.olga)
    rollout = client.get(ROLLOUTS).json()["results"][0]
    assert (rollout["stage"], rollout["champion"], rollout["canary"]) == ("shadow", starter.weights_id, None)
    assert rollout["shadow"] == {"answers": 0, "problems": 0, "agreement": None}
    assert client.post(f"{ROLLOUTS}{rollout['id']}/next/").json()["stage"] == "canary"
    ended = client.post(f"{ROLLOUTS}{rollout['id']}/end/").json()
    assert (ended["stage"], ended["message"]) == ("ended", "olga ended it.")
    assert client.post(f"{ROLLOUTS}{rollout['id']}/end/").status_code == 409
    with pytest.raises(RolloutOver):
        rollouts.rollout_next(rollout=Rollout.objects.get(), by="olga")


def test_postgresql_keeps_trials_to_passing_decisions(let_through, finished_run, starter):
    let_through(canary_share=0.2)
    rollout = under_way()
    columns = "id, decision_id, weights_id, passed, stage, stage_at, shadow_share, shadow_hours, canary_share, "
    columns += "canary_hours, figures, message, by, created_at"

    def insert(decision, stage="canary", passed=True):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO releases_rollout ({columns}) "
                "VALUES (%s, %s, %s, %s, %s, now(), 0, 0, 0.1, 1, '{}', '', 'x', now())",
                [uuid.uuid4(), decision.id, decision.challenger_id, passed, stage],
            )
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match=r"rollout_one_under_way|decision"):
        insert(rollout.decision)
    rollouts.rollout_end(rollout=rollout, by="olga")
    rollout.decision.run.state = "promoted"
    rollout.decision.run.save()
    refused = services.promotion_decide(run=finished_run(seed=2, gain=-0.1), by="olga")
    for passed in (True, False):
        with pytest.raises(IntegrityError):
            insert(refused, passed=passed)
    with pytest.raises(IntegrityError, match="over"), transaction.atomic():
        Rollout.objects.filter(id=rollout.id).update(stage="canary")


def test_live_photos_are_answered_silently_and_the_most_unlike_are_pictured(
    let_through, people, client, cat, coffee, monkeypatch
):
    decision = let_through(shadow_share=1.0)
    rollout, predictor = under_way(), serving.predictor_current()
    photos = [bring(people.alice.owner, predictor, rgb) for rgb in (cat, coffee, cat[:, ::-1])]
    Prediction.objects.filter(photo=photos[0]).update(mask=masks.encode_png(np.zeros(cat.shape[:2], np.uint8)))
    monkeypatch.setattr(shadow, "MASKS_AT_MOST", 1)
    assert shadow.shadow_answer() == 3
    assert shadow.shadow_answer() == 0
    first, *others = ShadowAnswer.objects.all()
    assert first.photo == photos[0]
    assert first.agreement < 0.1
    assert all(answer.agreement > 0.8 for answer in others)
    assert [answer.mask is not None for answer in (first, *others)] == [True, False, False]
    assert not Prediction.objects.filter(weights=decision.challenger_id).exists(), "nobody was served by it"
    client.force_login(people.olga)
    (told,) = client.get(f"{ROLLOUTS}{rollout.id}/shadow/").json()["results"]
    picture = client.get(told["difference_url"])
    assert picture["Cache-Control"] == "private, no-store"
    assert Image.open(io.BytesIO(picture.content)).size == (pictures.decode(bytes(photos[0].image)).small.shape[1::-1])
    assert client.get(ROLLOUTS).json()["results"][0]["shadow"]["answers"] == 3

    labels.consent_apply(owner=people.alice.owner, consented_at=None)
    assert client.get(f"{ROLLOUTS}{rollout.id}/shadow/").json()["results"] == []
    assert client.get(told["difference_url"]).status_code == 404

    labels.consent_apply(owner=people.alice.owner, consented_at=timezone.now())
    assert client.get(told["difference_url"]).status_code == 200
    labels.photo_delete(photo=photos[0])
    assert ShadowAnswer.objects.count() == 2
    assert client.get(told["difference_url"]).status_code == 404


def test_a_share_of_the_photos_is_drawn_by_hash_and_rows_are_bounded(let_through, people, cat, monkeypatch):
    let_through(shadow_share=0.5)
    rollout, predictor = under_way(), serving.predictor_current()
    photo = bring(people.alice.owner, predictor, cat)
    prediction = Prediction.objects.defer(None).get(photo=photo)
    for _ in range(199):
        photo.pk = uuid.uuid4()
        photo.save(force_insert=True)
        prediction.pk, prediction.photo = uuid.uuid4(), photo
        prediction.save(force_insert=True)
    assert 60 < shadow.unseen(rollout).count() < 140
    monkeypatch.setattr(shadow, "ANSWERS_AT_MOST", 2)
    assert shadow.shadow_answer() == 2
    assert shadow.shadow_answer() == 0


def test_a_challenger_that_can_not_answer_ends_in_the_shadow(let_through, people, cat, starter):
    decision = let_through(shadow_share=1.0)
    (weights_folder(decision.challenger_id) / "weights.safetensors").write_bytes(b"damaged")
    shadow.challenger.cache_clear()
    bring(people.alice.owner, serving.predictor_current(), cat)
    assert shadow.shadow_answer() == 1
    assert "could not answer" in rollouts.rollouts_advance()
    assert selectors.deployment_current() == starter


def test_the_canary_serves_its_people_alone_and_every_answer_says_by_whom(let_through, starter):
    decision = let_through(canary_share=0.5)
    own, rollout = serving.holder(), under_way()
    serving.predictor_current()
    assert own.canary is not None
    chosen, other = (
        next(o for o in iter(uuid.uuid4, None) if canary.in_canary(o, rollout.id, 0.5) is side)
        for side in (True, False)
    )
    assert serving.predictor_current(chosen).weights == decision.challenger_id
    assert serving.predictor_current(other).weights == starter.weights_id
    assert serving.predictor_current().weights == starter.weights_id, "who sends no owner is no canary"
    tried = own.canary.predictor
    rollouts.rollout_next(rollout=rollout, by="olga")
    own.refresh()
    assert serving.predictor_current(other) is tried, "it is not loaded twice"
    assert own.canary is None


def test_a_canary_that_is_ended_serves_nobody(let_through, starter):
    let_through(canary_share=0.5)
    serving.predictor_current()
    rollouts.rollout_end(rollout=under_way(), by="olga")
    serving.holder().refresh()
    assert serving.holder().canary is None
    assert serving.predictor_current(uuid.uuid4()).weights == starter.weights_id


def test_a_canary_that_can_not_be_loaded_leaves_everyone_with_the_champion(let_through, starter):
    decision = let_through(canary_share=0.5)
    (weights_folder(decision.challenger_id) / "weights.safetensors").write_bytes(b"damaged")
    serving.predictor_current()
    assert {serving.predictor_current(uuid.uuid4()).weights for _ in range(20)} == {starter.weights_id}


def populate(rollout, rates, people=12, photos=4):
    """`rates` by whether an owner is a canary: the chance that they correct a photo."""
    random = np.random.default_rng(0)
    owners = {True: [], False: []}
    while min(len(found) for found in owners.values()) < people:
        owner = uuid.uuid4()
        owners[canary.in_canary(owner, rollout.id, rollout.canary_share)].append(owner)
    for side, found in owners.items():
        weights = rollout.weights_id if side else rollout.decision.champion_id
        for owner in found[:people]:
            for _ in range(photos):
                photo = Photo.objects.create(
                    owner=owner, image=b"", media_type="image/png", sha256="0" * 64, upload_sha256="0" * 64, width=4,
                    height=3, phash=0, group=uuid.uuid4(),
                )  # fmt: skip
                prediction = Prediction.objects.create(
                    photo=photo, mask=b"", weights=weights, network="basnet-small", device="cpu", uncertainty=0,
                    subject_score=1, subject_found=True,
                )  # fmt: skip
                if random.random() < rates[side]:
                    Correction.objects.create(
                        id=uuid.uuid4(), photo=photo, prediction=prediction, author=owner, mask=b"",
                        mask_sha256="1" * 64, iou=0.5,
                    )  # fmt: skip


def test_people_who_correct_it_more_often_take_it_back(let_through, starter):
    decision = let_through(canary_share=0.5, canary_hours=24)
    rollout = under_way()
    populate(rollout, {True: 0.6, False: 0.1})
    assert "correct it more often" in rollouts.rollouts_advance()
    rollout.refresh_from_db()
    assert (rollout.stage, rollout.figures["worse"], rollout.figures["looks"]) == ("ended", True, 1)
    assert not Deployment.objects.filter(decision=decision).exists()
    assert selectors.deployment_current() == starter


def test_people_who_correct_it_no_more_often_let_it_through_in_time(let_through):
    decision = let_through(canary_share=0.5, canary_hours=24)
    rollout = under_way()
    populate(rollout, {True: 0.1, False: 0.3})
    assert rollouts.rollouts_advance() == ""
    assert rollouts.rollouts_advance() == ""
    rollout.refresh_from_db()
    assert rollout.figures["looks"] == 1, "looked at again only when there is more to see"
    later(rollout, hours=25)
    rollouts.rollouts_advance()
    assert selectors.deployment_current().decision == decision


def test_one_person_who_corrects_everything_is_one_person():
    ours = canary.Arm([2] * 9 + [60], [0] * 9 + [60])
    others = canary.Arm([2] * 90, [0] * 90)
    assert canary.chance_of_no_worse(ours, others) > canary.limit_at(1)


def test_looks_together_err_as_rarely_as_one_may():
    assert sum(canary.limit_at(k) for k in range(1, 100_000)) <= canary.ERROR
    random = np.random.default_rng(5)
    alarms = 0
    for seed in range(100):
        arms = [canary.simulated(random.integers(1, 9, 15), 0.2, random) for _ in range(2)]
        alarms += canary.chance_of_no_worse(*arms, seed=seed) < canary.limit_at(1)
    assert alarms <= 8
