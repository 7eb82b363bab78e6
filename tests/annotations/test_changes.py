"""A fix that is sent as what it changed of the mask it began on."""

import gzip
import hashlib
import io
import json
import uuid

import numpy as np
import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from annotations.models import Correction, RefinedMask
from annotations.owners import SESSION_KEY
from segmentation import mask as masks

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(client, photo_of, cat):
    owner = uuid.uuid4()
    session = client.session
    session[SESSION_KEY] = str(owner)
    session.save()
    return photo_of(owner, cat)


@pytest.fixture
def base(client, photo):
    """The mask that the editor begins on, as it is served."""
    address = f"/api/v1/predictions/{photo.predictions.get().id}/mask.png"
    return masks.decode_png(client.get(address, {"refined": 1}).content, empty=True)


def file_of(data: bytes, name: str = "changes.png") -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file


def changes_of(base: np.ndarray, mask: np.ndarray) -> dict:
    """The smallest rectangle in which they differ, as the API wants it."""
    rows, columns = (np.flatnonzero((base != mask).any(axis)) for axis in (1, 0))
    top, left = (int(found[0]) if found.size else 0 for found in (rows, columns))
    bottom, right = (int(found[-1]) + 1 if found.size else 1 for found in (rows, columns))
    part = (slice(top, bottom), slice(left, right))
    return {
        "changes": file_of(masks.encode_png(mask[part] - base[part])),
        "left": left,
        "top": top,
        "sha256": hashlib.sha256(np.ascontiguousarray(mask)).hexdigest(),
    }


def put(client, photo, fields, correction_id, **headers):
    form = encode_multipart(BOUNDARY, {"photo": str(photo.id), **fields})
    return client.put(f"/api/v1/corrections/{correction_id}/", form, content_type=MULTIPART_CONTENT, headers=headers)


def kept() -> np.ndarray:
    return masks.decode_png(bytes(Correction.objects.get().mask))


def painted(base: np.ndarray, seed: int) -> np.ndarray:
    """The mask with soft noise in a rectangle of it."""
    random = np.random.default_rng(seed)
    mask = base.copy()
    (top, bottom), (left, right) = (np.sort(random.choice(side, 2, replace=False)) for side in mask.shape)
    mask[top:bottom, left:right] = random.integers(0, 256, (bottom - top, right - left))
    return mask


def test_what_is_kept_is_the_mask_that_was_meant_pixel_for_pixel(client, photo, base):
    id_, mask, version = uuid.uuid4(), base, 0
    for seed in range(8):
        changed = painted(mask, seed)
        headers = {"If-Match": f'"{version}"'} if version else {"If-None-Match": "*"}
        answer = put(client, photo, changes_of(mask, changed), id_, **headers)
        assert answer.status_code == (200 if version else 201), answer.content
        assert np.array_equal(kept(), changed)
        mask, version = changed, answer.json()["version"]
    assert version == 8


def test_the_same_changes_sent_twice_are_one_fix(client, photo, base):
    id_, first, second = uuid.uuid4(), painted(base, 1), painted(base, 2)
    for _ in range(2):
        answer = put(client, photo, changes_of(base, first), id_, **{"If-None-Match": "*"})
        assert answer.json()["version"] == 1
    for _ in range(2):
        answer = put(client, photo, changes_of(first, second), id_, **{"If-Match": '"1"'})
        assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert np.array_equal(kept(), second)


def test_a_mask_that_is_sent_as_it_was_handed_out_says_so(client, photo, base):
    id_, changed = uuid.uuid4(), painted(base, 1)
    put(client, photo, changes_of(base, base), id_, **{"If-None-Match": "*"})
    assert Correction.objects.get().shown_iou == 1
    put(client, photo, changes_of(base, changed), id_, **{"If-Match": '"1"'})
    assert Correction.objects.get().shown_iou == pytest.approx(masks.iou(changed, base))
    put(client, photo, changes_of(changed, base), id_, **{"If-Match": '"2"'})
    assert Correction.objects.get().shown_iou == 1, "against what was handed out, not against the version before"


def test_without_the_mask_that_was_handed_out_it_is_made_again(client, photo, base):
    RefinedMask.objects.all().delete()
    changed = painted(base, 3)
    assert put(client, photo, changes_of(base, changed), uuid.uuid4()).status_code == 201
    assert np.array_equal(kept(), changed)


def test_the_mask_of_one_subject_is_a_base_of_its_own(client, photo, base):
    address = f"/api/v1/predictions/{photo.predictions.get().id}/mask.png"
    largest = masks.decode_png(client.get(address, {"refined": 1, "subject": "largest"}).content, empty=True)
    assert RefinedMask.objects.get().subject == "largest"
    fields = changes_of(largest, painted(largest, 4)) | {"subject": "largest"}
    assert put(client, photo, fields, uuid.uuid4()).status_code == 201
    assert np.array_equal(kept(), painted(largest, 4))


def test_another_base_is_told_and_nothing_is_written(client, photo, base):
    other = painted(base, 5)
    answer = put(client, photo, changes_of(other, painted(other, 6)), uuid.uuid4())
    assert (answer.status_code, answer.json()["code"]) == (409, "other_base")
    assert not Correction.objects.exists()


def test_a_stale_version_and_bad_changes_each_have_their_answer(client, photo, base):
    id_, first = uuid.uuid4(), painted(base, 7)
    good = changes_of(base, first)
    assert put(client, photo, good, id_).status_code == 201
    answers = {
        "stale_correction": put(client, photo, changes_of(first, painted(first, 8)), id_, **{"If-Match": '"9"'}),
        "not_a_mask": put(client, photo, good | {"changes": file_of(b"GIF89a")}, uuid.uuid4()),
        "wrong_size": put(client, photo, changes_of(base, first) | {"left": base.shape[1]}, uuid.uuid4()),
        "empty_mask": put(client, photo, changes_of(base, np.zeros_like(base)), uuid.uuid4()),
    }
    assert {code: answer.json()["code"] for code, answer in answers.items()} == {code: code for code in answers}
    for lacking in ({"sha256": "x"}, {"changes": file_of(b""), "mask": file_of(b"")}, {"left": -1}):
        assert put(client, photo, changes_of(base, first) | lacking, uuid.uuid4()).json()["code"] == "invalid"
    fields = changes_of(base, first)
    del fields["sha256"]
    assert put(client, photo, fields, uuid.uuid4()).json()["code"] == "invalid"
    assert np.array_equal(kept(), first)


def test_a_stranger_learns_nothing_of_anothers_mask(client, photo, base):
    id_ = uuid.uuid4()
    assert put(client, photo, changes_of(base, painted(base, 9)), id_).status_code == 201
    client.cookies.clear()
    fields = changes_of(painted(base, 9), painted(base, 10))
    answer = put(client, photo, fields, id_, **{"If-Match": '"1"'})
    assert answer.status_code == 404


@pytest.mark.parametrize("packed", [True, False])
def test_the_stroke_log_may_come_as_a_file(client, photo, base, packed):
    strokes = [{"tool": "brush", "points": [[1, 2], [3, 4]]}] * 100
    text = json.dumps(strokes).encode()
    log = file_of(gzip.compress(text) if packed else text, "strokes.json")
    fields = changes_of(base, painted(base, 11)) | {"strokes": log}
    assert put(client, photo, fields, uuid.uuid4()).status_code == 201
    assert Correction.objects.get().strokes == strokes


def test_a_stroke_log_that_swells_or_is_damaged_is_refused(client, photo, base):
    packed = gzip.compress(b"[" + b" " * 40_000_000 + b"]")
    for bad in (packed, packed[:100], b"\x1f\x8bnothing", b"\xff\xfe"):
        fields = changes_of(base, painted(base, 12)) | {"strokes": file_of(bad, "strokes.json.gz")}
        assert put(client, photo, fields, uuid.uuid4()).json()["code"] == "invalid"
