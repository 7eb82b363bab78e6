"""What --fix makes is valid, keeps what it can, and says what was lost."""

import dataclasses
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_stickers import dot, moving, noisy, saved
from PIL import Image

from stickersnap.validate import encoding
from stickersnap.validate.checking import check, valid
from stickersnap.validate.encoding import QUALITIES, DoesNotFitError, alikeness, best_quality, encode
from stickersnap.validate.limits import target_get, targets
from stickersnap.validate.mending import CannotMendError, mend

WRITTEN = [name for name, target in targets().items() if set(target.formats) & {"webp", "png", "apng"}]
STILL = [name for name in WRITTEN if target_get(name).moving is not True]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(STILL),
    width=st.integers(1, 900),
    height=st.integers(1, 900),
    kind=st.sampled_from(["WEBP", "PNG", "GIF"]),
    rough=st.booleans(),
)
def test_every_picture_becomes_valid_for_every_still_target(name, width, height, kind, rough):
    data = saved(noisy((width, height)) if rough else dot((width, height)), kind)
    target = target_get(name)
    if rough and max(target.box) > 1000:
        return  # twenty megabytes of noise: see the test below for what does not fit
    assert valid(check(mend(data, target).data, target))


@pytest.mark.parametrize("name", [name for name in WRITTEN if target_get(name).moving is not False])
def test_a_moving_picture_becomes_valid(name):
    target = target_get(name)
    mended = mend(moving(12, 2000, (300, 200), "GIF"), target)
    assert valid(check(mended.data, target))


def test_what_is_valid_bytes_wise_loses_nothing():
    before = dot()
    mended = mend(saved(before, "PNG"), target_get("whatsapp"))
    with Image.open(io.BytesIO(mended.data)) as after:
        assert alikeness(before, after) == pytest.approx(1)


def test_a_still_picture_is_not_made_to_move():
    with pytest.raises(CannotMendError, match="stands still"):
        mend(saved(dot()), target_get("whatsapp-moving"))


def test_a_webm_is_not_written():
    with pytest.raises(CannotMendError, match="webm"):
        mend(moving(3), target_get("telegram-moving"))


@pytest.mark.parametrize("limit", [9, 10, 55, 100, 555, 949, 950, 1001])
def test_the_best_quality_that_fits_is_found_in_few_tries(limit):
    tried = []

    def write(quality):
        tried.append(quality)
        return bytes(quality * 10)

    found = best_quality(write, limit)
    assert (found[1] if found else None) == next((each for each in QUALITIES if each * 10 <= limit), None)
    assert found is None or len(found[0]) == found[1] * 10
    assert len(tried) <= 5


@pytest.mark.parametrize(("sizes", "methods", "lossless"), [
    ((90,), [0], True), ((150, 90), [0, 1], True), ((150, 105, 95), [0, 1, 4], True),
    ((150, 105, 101), [0, 1, 4], False), ((150, 120), [0, 1], False), ((170,), [0], False),
])  # fmt: skip
def test_lossless_is_tried_as_long_as_it_may_fit(sizes, methods, lossless, monkeypatch):
    tried, given = [], iter(sizes)
    lossy = saved(Image.new("RGBA", (8, 8)), "WEBP")

    def save(frames, kind, ms=(), method=4, **options):
        if not options.get("lossless"):
            return lossy
        tried.append(method)
        return b"l" * next(given)

    monkeypatch.setattr(encoding, "_save", save)
    made = encode(Image.new("RGBA", (8, 8)), dataclasses.replace(target_get("whatsapp"), bytes=100))
    assert tried == methods
    assert (made.data[:1] == b"l") is (made.quality is None) is lossless


def test_lossy_files_say_what_was_lost():
    made = encode(dappled(), target_get("whatsapp"))
    assert made.quality is not None
    assert 0 < made.ssim < 1
    assert f"quality {made.quality}" in made.note


@pytest.mark.parametrize("name", [name for name in STILL if max(target_get(name).box) < 1000])
def test_noise_in_colours_and_edge_is_made_to_fit_too(name):
    target = target_get(name)
    assert valid(check(mend(saved(noisy(), "PNG"), target).data, target))


def dappled() -> Image.Image:
    """A picture between smooth and noise: too much for lossless, enough for lossy."""
    return noisy((64, 64)).resize((512, 512), Image.Resampling.BICUBIC)


def test_what_cannot_fit_says_so():
    with pytest.raises(DoesNotFitError, match="50,000"):
        encode(noisy((1024, 1024)), target_get("mastodon"))
