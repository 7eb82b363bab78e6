"""The labelled picture over HTTP, on a real PostgreSQL."""

import io
import uuid

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image

from annotations.models import Correction, Photo
from segmentation import mask as masks
from segmentation.mask import edge, subjects

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def served(monkeypatch, starter):
    """The shipped weights answer; how a deployment gets here is tested with the releases."""
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)


def upload(client: Client, data: bytes, name: str = "cat.png", **fields):
    return client.post("/api/v1/photos/", {"image": SimpleUploadedFile(name, data)} | fields)


def put(client: Client, correction_id: uuid.UUID, fields: dict, **headers: str):
    form = encode_multipart(BOUNDARY, fields)
    return client.put(f"/api/v1/corrections/{correction_id}/", form, content_type=MULTIPART_CONTENT, headers=headers)


def consent(client: Client, given: bool = True):
    return client.put("/api/v1/session/consent/", {"consent": given}, content_type="application/json")


@pytest.fixture
def uploaded(client, as_png, cat):
    """A photo in this browser session."""
    return Photo.objects.get(id=upload(client, as_png(cat)).json()["id"])


STAGES = {"queue", "decode", "network", "store"}


def test_an_upload_answers_the_photo_and_who_cut_it(client, as_png, cat, starter):
    answer = upload(client, as_png(cat))
    assert answer.status_code == 201
    photo = answer.json()
    assert (photo["height"], photo["width"]) == cat.shape[:2]
    assert photo["consent"] is False
    assert photo["correction"] is None
    assert photo["prediction"]["subject_found"] is True
    assert answer["X-Weights"] == photo["prediction"]["weights"] == starter.weights
    assert answer["X-Device"] == "cpu"
    assert {stage.split(";")[0] for stage in answer["Server-Timing"].split(", ")} == STAGES


def test_the_mask_has_the_photos_size(client, uploaded):
    mask = client.get(f"/api/v1/predictions/{uploaded.predictions.get().id}/mask.png")
    assert mask["Content-Type"] == "image/png"
    assert mask["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(mask.content)).size == (uploaded.width, uploaded.height)


def test_a_predictions_mask_comes_as_its_sticker_shows_it_and_as_the_network_made_it(client, uploaded):
    prediction = uploaded.predictions.get()
    raw = masks.decode_png(client.get(f"/api/v1/predictions/{prediction.id}/mask.png").content)
    photo = client.get(f"/api/v1/photos/{uploaded.id}/").json()
    shown = masks.decode_png(client.get(photo["prediction"]["mask_url"]).content)
    assert np.array_equal(raw, masks.decode_png(bytes(prediction.mask)))
    rgb = np.asarray(Image.open(io.BytesIO(client.get(photo["image_url"]).content)))
    assert np.array_equal(shown, edge.refine(rgb, subjects.choose(raw, "all")))
    assert not np.array_equal(shown, raw)


def test_a_predictions_mask_comes_for_one_subject_alone(client, uploaded):
    address = f"/api/v1/predictions/{uploaded.predictions.get().id}/mask.png?refined=1"
    (x, y), *_ = subjects.find(masks.decode_png(client.get(address).content)).points
    alone = masks.decode_png(client.get(f"{address}&subject={x},{y}").content)
    assert len(subjects.find(alone).points) == 1
    for wrong, status, code in (("0.5", 400, "not_a_subject"), ("-1,0", 400, "not_a_subject")):
        answer = client.get(f"{address}&subject={wrong}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_session_sees_its_own_photos_only(client, uploaded):
    assert client.get("/api/v1/photos/").json()["count"] == 1
    assert Client().get("/api/v1/photos/").json()["count"] == 0


def test_sent_again_with_the_same_id_it_is_the_same_photo(client, as_png, cat, coffee):
    photo_id = str(uuid.uuid4())
    assert upload(client, as_png(cat), id=photo_id).json()["id"] == photo_id
    assert upload(client, as_png(cat), id=photo_id).status_code == 201
    assert upload(client, as_png(coffee), id=photo_id).json()["code"] == "photo_exists"
    assert upload(Client(), as_png(cat), id=photo_id).json()["code"] == "not_found"
    assert Photo.objects.count() == 1


def test_foreign_ids_answer_404_everywhere(client, uploaded, form, fill):
    put(client, correction_id := uuid.uuid4(), form(uploaded, fill(uploaded)))
    stranger = Client()
    prediction = uploaded.predictions.get()
    answers = [
        stranger.get(f"/api/v1/photos/{uploaded.id}/"),
        stranger.delete(f"/api/v1/photos/{uploaded.id}/"),
        stranger.get(f"/api/v1/photos/{uploaded.id}/image/"),
        stranger.get(f"/api/v1/predictions/{prediction.id}/mask.png"),
        stranger.get(f"/api/v1/corrections/{correction_id}/mask.png"),
        put(stranger, uuid.uuid4(), form(uploaded, fill(uploaded))),
        stranger.post("/api/v1/stickers/", {"photo": str(uploaded.id)}, content_type="application/json"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert {answer.json()["code"] for answer in answers} == {"not_found"}
    assert Photo.objects.count() == 1


def test_a_correction_comes_back_pixel_for_pixel(client, uploaded, form):
    alpha = np.random.default_rng(1).integers(0, 256, (uploaded.height, uploaded.width), dtype=np.uint8)
    correction_id = uuid.uuid4()
    answer = put(client, correction_id, form(uploaded, alpha))
    assert (answer.status_code, answer["ETag"]) == (201, '"1"')
    assert answer.json()["state"] == "private"
    mask = client.get(answer.json()["mask_url"]).content
    assert np.array_equal(masks.decode_png(mask), alpha)


def test_put_is_idempotent_and_edits_need_if_match(client, uploaded, form, fill):
    correction_id, first, second = uuid.uuid4(), fill(uploaded, 0.2), fill(uploaded, 0.3)
    assert put(client, correction_id, form(uploaded, first)).status_code == 201
    assert put(client, correction_id, form(uploaded, first)).status_code == 200
    assert put(client, correction_id, form(uploaded, second)).json()["code"] == "correction_exists"
    edit = put(client, correction_id, form(uploaded, second), **{"If-Match": '"1"'})
    assert (edit.status_code, edit["ETag"]) == (200, '"2"')
    for stale in ('"1"', "*", "yesterday"):
        answer = put(client, correction_id, form(uploaded, first), **{"If-Match": stale})
        assert (answer.status_code, answer.json()["code"]) == (412, "stale_correction")


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": "nan"},
        {"seconds": "-1"},
        {"strokes": "{"},
        {"strokes": '{"a": 1}'},
        {"strokes": '[{"x": NaN}]'},
        {"strokes": '[{"x": "\\u0000"}]'},
        {"strokes": '[{"x": "\\ud800"}]'},
        {"strokes": '[{"x": 1e400}]'},
        {"photo": "no-uuid"},
        {"mask": ""},
    ],
)
def test_a_malformed_correction_is_refused(client, uploaded, form, fill, wrong):
    answer = put(client, uuid.uuid4(), form(uploaded, fill(uploaded), wrong))
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "detail"}
    assert not Correction.objects.exists()


def test_a_prediction_of_another_photo_is_not_found(client, uploaded, form, fill, as_png, coffee):
    other = upload(client, as_png(coffee)).json()
    answer = put(client, uuid.uuid4(), form(uploaded, fill(uploaded), {"prediction": other["prediction"]["id"]}))
    assert answer.status_code == 404


def test_consent_is_off_asked_once_and_revocable(client, uploaded, form, fill):
    nobody = {"user": None, "consent": False, "consent_asked": False}
    asked = nobody | {"consent": True, "consent_asked": True}
    assert nobody.items() <= client.get("/api/v1/session/").json().items()
    put(client, uuid.uuid4(), form(uploaded, fill(uploaded)))
    assert asked.items() <= consent(client).json().items()
    assert client.get("/api/v1/photos/").json()["results"][0]["correction"]["state"] == "waiting"
    assert consent(client, False).json()["consent"] is False
    assert client.get("/api/v1/photos/").json()["results"][0]["correction"]["state"] == "private"


def test_photos_brought_after_consent_may_be_learned_from(client, as_png, cat):
    client.get("/api/v1/session/")
    consent(client)
    assert upload(client, as_png(cat)).json()["consent"] is True


def test_the_review_queue_is_for_reviewers(client, people):
    for path in ("/api/v1/queue/review/", "/api/v1/queue/correct/"):
        anonymous = client.get(path)
        assert (anonymous.status_code, anonymous.json()["code"]) == (401, "not_authenticated")
        person = Client()
        person.force_login(people.alice)
        assert person.get(path).json()["code"] == "permission_denied"


def test_a_reviewer_sees_both_masks_and_approves(client, uploaded, form, fill, people):
    consent(client)
    correction_id = uuid.uuid4()
    put(client, correction_id, form(uploaded, fill(uploaded)))
    reviewer = Client()
    reviewer.force_login(people.rita)

    item = reviewer.get("/api/v1/queue/review/").json()["results"][0]
    assert item["correction"]["id"] == str(correction_id)
    assert item["seconds"] == 4.5
    before = masks.decode_png(reviewer.get(item["prediction"]["mask_url"].split("?")[0]).content)
    assert item["iou"] == pytest.approx(masks.iou(before, fill(uploaded)))
    assert 0 < item["iou"] < 1
    for url in (item["photo"]["image_url"], item["prediction"]["mask_url"], item["correction"]["mask_url"]):
        assert reviewer.get(url).status_code == 200

    verdict = {"verdict": "approve", "version": 1}
    address = f"/api/v1/corrections/{correction_id}/review/"
    answer = reviewer.post(address, verdict, content_type="application/json")
    assert (answer.status_code, answer.json()["reviewer"]) == (201, "rita")
    assert reviewer.post(address, verdict, content_type="application/json").json()["code"] == "already_reviewed"
    assert reviewer.get("/api/v1/queue/review/").json()["count"] == 0
    assert client.get(f"/api/v1/photos/{uploaded.id}/").json()["correction"]["state"] == "approved"


def test_a_rejection_needs_a_reason(client, uploaded, form, fill, people):
    consent(client)
    put(client, correction_id := uuid.uuid4(), form(uploaded, fill(uploaded)))
    client.force_login(people.rita)
    verdict = {"verdict": "reject", "version": 1, "reason": " "}
    answer = client.post(f"/api/v1/corrections/{correction_id}/review/", verdict, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "reason_required")


def test_nobody_but_a_reviewer_reviews(client, uploaded, form, fill, people):
    consent(client)
    put(client, correction_id := uuid.uuid4(), form(uploaded, fill(uploaded)))
    client.force_login(people.bob)
    verdict = {"verdict": "approve", "version": 1}
    answer = client.post(f"/api/v1/corrections/{correction_id}/review/", verdict, content_type="application/json")
    assert answer.status_code == 403


def test_a_reviewer_fixes_a_photo_from_the_queue_without_touching_its_owners_sticker(
    client, uploaded, form, fill, people
):
    consent(client)
    reviewer = Client()
    reviewer.force_login(people.rita)
    assert reviewer.get("/api/v1/queue/correct/").json()["results"][0]["id"] == str(uploaded.id)
    assert put(reviewer, uuid.uuid4(), form(uploaded, fill(uploaded))).status_code == 201
    assert client.get(f"/api/v1/photos/{uploaded.id}/").json()["correction"] is None
    assert reviewer.get("/api/v1/queue/correct/").json()["count"] == 0


def test_deleting_says_what_saw_it(client, uploaded):
    answer = client.delete(f"/api/v1/photos/{uploaded.id}/")
    assert answer.json() == {"deleted": str(uploaded.id), "weights_that_saw_it": []}
    assert client.get(f"/api/v1/photos/{uploaded.id}/").status_code == 404
