"""From mask to sticker file: crop, outline, target limits."""

import io

import numpy as np
import pytest
from PIL import Image

from segmentation import mask as masks
from stickersnap.stickers import render
from stickersnap.stickers.targets import TELEGRAM_BYTES, WHATSAPP_BYTES, sticker_file


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_the_crop_keeps_its_last_row_and_column(cat):
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[10:200, 20:-1] = 255
    alpha[-1, -1] = 255
    cut = render.crop(cat, alpha)
    assert cut.size == (cat.shape[1] - 20, cat.shape[0] - 10)
    assert cut.getpixel((cut.width - 1, cut.height - 1)) == (*cat[-1, -1].tolist(), 255)


def test_without_an_outline_a_png_holds_the_photos_own_pixels_under_the_mask(cat, disc):
    alpha = disc(*cat.shape[:2])
    made = sticker_file(cat, alpha, "png", outline=False)
    rgba = np.asarray(opened(made.data))
    left, top, right, bottom = masks.crop_box(alpha, threshold=1)
    assert np.array_equal(rgba[..., 3], alpha[top:bottom, left:right])
    solid = rgba[..., 3] == 255
    assert np.array_equal(rgba[..., :3][solid], cat[top:bottom, left:right][solid])


@pytest.mark.parametrize("outline", [True, False])
def test_whatsapp_takes_512_by_512_webp_under_its_limit(coffee, disc, outline):
    made = sticker_file(coffee, disc(*coffee.shape[:2], share=0.48), "whatsapp", outline)
    image = opened(made.data)
    assert (image.format, image.size, image.mode) == ("WEBP", (512, 512), "RGBA")
    assert len(made.data) <= WHATSAPP_BYTES
    left, top, right, bottom = image.getchannel("A").getbbox()
    assert min(left, top, 512 - right, 512 - bottom) >= 15


def test_a_sticker_too_rich_for_whatsapp_is_compressed_and_says_so():
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    made = sticker_file(noise, np.full((512, 512), 255, np.uint8), "whatsapp", outline=True)
    assert len(made.data) <= WHATSAPP_BYTES
    assert "quality" in made.notes[0]


def test_a_sticker_that_fits_loses_nothing(cat, disc):
    alpha = disc(*cat.shape[:2], share=0.4)
    made = sticker_file(cat, alpha, "telegram", outline=False)
    wanted, given = (np.asarray(image) for image in (render.fit(render.crop(cat, alpha), 512), opened(made.data)))
    assert made.notes == []
    assert np.array_equal(given[..., 3], wanted[..., 3])
    assert np.array_equal(given[wanted[..., 3] > 0], wanted[wanted[..., 3] > 0])


@pytest.mark.parametrize("outline", [True, False])
@pytest.mark.parametrize("box", [(slice(10, 290), slice(150, 250)), (slice(100, 200), slice(5, 445))])
def test_telegram_takes_one_side_of_512(cat, outline, box):
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[box] = 255
    made = sticker_file(cat, alpha, "telegram", outline)
    image = opened(made.data)
    assert max(image.size) == 512
    assert min(image.size) < 512
    assert len(made.data) <= TELEGRAM_BYTES


def test_the_outline_is_white_soft_and_as_wide_as_asked(cat):
    alpha = np.zeros((300, 451), np.uint8)
    alpha[100:200, 100:300] = 255
    made = np.asarray(opened(sticker_file(cat, alpha, "telegram", outline=True).data))
    middle = made[made.shape[0] // 2]
    assert middle[4].tolist() == [255, 255, 255, 255]
    columns = np.flatnonzero((middle[:, :3] != 255).any(axis=1) & (middle[:, 3] == 255))
    assert 7 <= columns[0] <= 9


def test_grain_in_the_edge_leaves_no_bumps_in_the_outline():
    rng = np.random.default_rng(1)
    cut = np.zeros((200, 300, 4), np.uint8)
    for column in range(20, 280):
        cut[80 + rng.integers(0, 5) : 120, column] = (200, 80, 60, 255)
    made = np.asarray(render.outlined(Image.fromarray(cut), 8).getchannel("A"))
    tops = (made >= 128).argmax(0)[40:260]
    assert np.abs(np.diff(tops)).max() <= 1
    assert tops.max() - tops.min() <= 2
    assert 70 <= tops.min() <= tops.max() <= 76


def test_scaling_never_bleeds_the_backgrounds_colour_into_the_edge():
    rgb = np.zeros((400, 400, 3), np.uint8)
    rgb[..., 0] = 255  # a red background behind a green square
    rgb[100:300, 100:300] = (0, 255, 0)
    alpha = np.zeros((400, 400), np.uint8)
    alpha[100:300, 100:300] = 255
    small = np.asarray(render.fit(Image.fromarray(np.dstack([rgb, alpha])), 77))
    visible = small[small[..., 3] > 0]
    assert visible[:, 0].max() == 0


def test_an_empty_mask_is_nothing_to_cut(cat):
    with pytest.raises(render.NothingToCut):
        sticker_file(cat, np.zeros(cat.shape[:2], np.uint8), "png", outline=True)


def test_a_one_pixel_subject_makes_a_sticker(cat):
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[5, 7] = 255
    for target in ("png", "whatsapp", "telegram"):
        assert opened(sticker_file(cat, alpha, target, outline=True).data).getchannel("A").getextrema()[1] > 0
