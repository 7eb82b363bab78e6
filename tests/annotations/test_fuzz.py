"""Masks and stroke logs as nobody sends them on purpose: kept, or refused in the one shape."""

import io
import json
import uuid

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from PIL import Image

pytestmark = pytest.mark.django_db
CALM = effort(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
WHOLE = {200, 201}
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
logs = st.lists(st.dictionaries(st.text(max_size=6), values, max_size=4), max_size=4) | values
counts = (
    st.lists(st.integers(-5, 10**12) | scalars, max_size=6)
    | st.text("0123456789:;<=>?@ABCPQ`abco", max_size=12)
    | values
)
run_lengths = st.fixed_dictionaries({}, optional={"size": st.just([300, 451]) | values, "counts": counts, "x": values})


@st.composite
def damaged_png(draw) -> bytes:
    """A mask of the photo's size with a few bytes changed, cut, doubled or put in."""
    out = io.BytesIO()
    mask = np.zeros((300, 451), np.uint8)
    mask[100:200, 100:300] = 255
    Image.fromarray(mask).save(out, "PNG")
    data = bytearray(out.getvalue())
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        data[place : place + draw(st.sampled_from([0, length]))] = (
            draw(st.binary(max_size=8)) or data[place : place + length]
        )
    return bytes(data)


@pytest.fixture
def sent(client, people, photo_of, cat):
    """Sends a correction with these fields; the answer is whole or a refusal in the one shape."""
    client.force_login(people.alice)
    client.raise_request_exception = False
    photo = photo_of(people.alice.owner, cat)

    def send(fields: dict, as_json: bool = False) -> int:
        fields = {"photo": str(photo.id), **fields}
        if as_json:
            body, kind = json.dumps(fields).encode(), "application/json"
        else:
            body, kind = encode_multipart(BOUNDARY, fields), MULTIPART_CONTENT
        answer = client.generic("PUT", f"/api/v1/corrections/{uuid.uuid4()}/", body, kind)
        assert answer.status_code in WHOLE | {400, 409, 413, 415}, answer.content
        assert answer.status_code in WHOLE or set(answer.json()) == {"code", "detail"}
        return answer.status_code

    return send


def test_masks(sent):
    seen = set()

    @CALM
    @given(data=damaged_png() | st.binary(max_size=200))
    def fuzz(data):
        seen.add(sent({"mask": SimpleUploadedFile("mask.png", data)}))

    fuzz()
    assert 400 in seen


def test_changes(sent):
    @CALM
    @given(data=damaged_png(), left=st.integers(-5, 2_000_000), top=st.integers(-5, 500))
    def fuzz(data, left, top):
        changes = SimpleUploadedFile("changes.png", data)
        sent({"changes": changes, "sha256": "0" * 64, "left": str(left), "top": str(top)})

    fuzz()


@pytest.mark.parametrize("as_json", [True, False])
def test_run_lengths(sent, as_json):
    @CALM
    @example(rle={"nothing": "known"})
    @given(rle=run_lengths | values)
    def fuzz(rle):
        sent({"rle": rle if as_json else json.dumps(rle)}, as_json)

    fuzz()


@pytest.mark.parametrize("as_json", [True, False])
def test_stroke_logs(sent, as_json):
    good = {"size": [300, 451], "counts": [1000, 20_000, 114_300]}

    @CALM
    @given(strokes=logs)
    def fuzz(strokes):
        if as_json:
            sent({"rle": good, "strokes": strokes}, as_json)
        else:
            log = SimpleUploadedFile("strokes.json", json.dumps(strokes).encode())
            sent({"rle": json.dumps(good), "strokes": log})

    fuzz()
