import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from segmentation import mask

soft_masks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@settings(max_examples=60, deadline=None)
@given(soft_masks)
def test_a_soft_mask_survives_the_round_trip(alpha: np.ndarray) -> None:
    data = mask.encode_png(alpha)
    if mask.is_empty(alpha):
        with pytest.raises(mask.MaskError) as caught:
            mask.decode_png(data)
        assert caught.value.code == "empty_mask"
    else:
        assert (mask.decode_png(data, (alpha.shape[1], alpha.shape[0])) == alpha).all()


@settings(max_examples=60, deadline=None)
@given(soft_masks, st.integers(0, 5), st.integers(1, 255))
def test_the_crop_holds_every_pixel_and_nothing_more(alpha: np.ndarray, margin: int, threshold: int) -> None:
    inside = alpha >= threshold
    if not inside.any():
        with pytest.raises(mask.MaskError):
            mask.crop_box(alpha, margin, threshold)
        return
    left, top, right, bottom = mask.crop_box(alpha, margin, threshold)
    assert 0 <= left < right <= alpha.shape[1]
    assert 0 <= top < bottom <= alpha.shape[0]
    assert inside[top:bottom, left:right].sum() == inside.sum()
    tight = mask.crop_box(alpha, 0, threshold)
    for line in (inside[tight[1]], inside[tight[3] - 1], inside[:, tight[0]], inside[:, tight[2] - 1]):
        assert line.any()


def test_the_crop_keeps_the_last_row_and_column() -> None:
    alpha = np.zeros((10, 12), np.uint8)
    alpha[9, 11] = 255
    assert mask.crop_box(alpha) == (11, 9, 12, 10)
    alpha[0, 0] = 255
    assert mask.crop_box(alpha) == (0, 0, 12, 10)


@settings(max_examples=40, deadline=None)
@given(soft_masks)
def test_iou_is_one_with_itself_and_zero_with_its_opposite(alpha: np.ndarray) -> None:
    assert mask.iou(alpha, alpha) == 1
    assert mask.iou(alpha, 255 - alpha) in (0, 1)
    assert 0 <= mask.iou(alpha, np.roll(alpha, 1)) <= 1


def test_iou_of_half_overlapping_masks() -> None:
    a, b = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    a[:, :4], b[:, 2:] = 255, 200
    assert mask.iou(a, b) == pytest.approx(8 / 24)
    with pytest.raises(ValueError):
        mask.iou(a, b.T)


def png(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_a_png_of_another_kind_is_no_mask(mode: str) -> None:
    with pytest.raises(mask.MaskError) as caught:
        mask.decode_png(png(Image.new(mode, (8, 8))))
    assert caught.value.code == "not_a_mask"


def test_16_bits_a_jpeg_rubbish_and_a_cut_file_are_no_masks() -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(alpha).save(jpeg, "JPEG")
    sixteen = png(Image.fromarray(alpha.astype(np.uint16) * 257))
    for data in (b"", b"rubbish", jpeg.getvalue(), sixteen, mask.encode_png(alpha)[:-600]):
        with pytest.raises(mask.MaskError) as caught:
            mask.decode_png(data)
        assert caught.value.code == "not_a_mask"


def test_a_mask_of_another_size_is_refused_by_its_header() -> None:
    data = mask.encode_png(np.full((8, 10), 255, np.uint8))
    assert mask.decode_png(data, (10, 8)).shape == (8, 10)
    for size in ((8, 10), (10, 9)):
        with pytest.raises(mask.MaskError) as caught:
            mask.decode_png(data[:60], size)
        assert caught.value.code == "wrong_size"


def test_only_h_by_w_uint8_is_encoded() -> None:
    for wrong in (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), np.zeros((4, 4), bool)):
        with pytest.raises(ValueError):
            mask.encode_png(wrong)


def test_a_cutout_carries_no_hidden_background(photo: np.ndarray) -> None:
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[100:200, 50:300], alpha[200:210, 50:300] = 255, 90
    rgba = mask.cutout(photo, alpha)
    assert (rgba[..., 3] == alpha).all()
    assert (rgba[alpha > 0][:, :3] == photo[alpha > 0]).all()
    assert not rgba[alpha == 0].any()
    with pytest.raises(ValueError):
        mask.cutout(photo[1:], alpha)


def test_settling_takes_the_haze_and_keeps_the_cut():
    every = np.arange(256, dtype=np.uint8)[None]
    settled = mask.settle(every)
    assert np.array_equal(settled >= 128, every >= 128)
    assert (np.diff(settled[0].astype(int)) >= 0).all()
    assert settled[0, :64].max() == 0
    assert settled[0, 192:].min() == 255


def test_settling_stretches_nothing_to_its_own_range():
    faint = np.full((9, 9), 40, np.uint8)
    assert mask.settle(faint).max() == 0


@settings(max_examples=60, deadline=None)
@given(soft_masks)
def test_any_reader_of_png_sees_the_same_mask(alpha: np.ndarray) -> None:
    with Image.open(io.BytesIO(mask.encode_png(alpha))) as image:
        image.load()
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), alpha)
