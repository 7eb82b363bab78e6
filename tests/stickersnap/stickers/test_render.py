"""From mask to sticker file: crop, outline, target limits."""

import io

import numpy as np
import pytest
from PIL import Image

from segmentation import mask as masks
from stickersnap.stickers import contour, render
from stickersnap.stickers.style import outlined
from stickersnap.stickers.targets import sticker_file
from stickersnap.validate.limits import target_get

PLAIN, OUTLINED = outlined(False), outlined(True)


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
    made = sticker_file(cat, alpha, "png", PLAIN)
    rgba = np.asarray(opened(made.data))
    left, top, right, bottom = masks.crop_box(alpha, threshold=1)
    assert np.array_equal(rgba[..., 3], alpha[top:bottom, left:right])
    solid = rgba[..., 3] == 255
    assert np.array_equal(rgba[..., :3][solid], cat[top:bottom, left:right][solid])


@pytest.mark.parametrize("outline", [True, False])
def test_whatsapp_takes_512_by_512_webp_under_its_limit(coffee, disc, outline):
    made = sticker_file(coffee, disc(*coffee.shape[:2], share=0.48), "whatsapp", outlined(outline))
    image = opened(made.data)
    assert (image.format, image.size, image.mode) == ("WEBP", (512, 512), "RGBA")
    assert len(made.data) <= target_get("whatsapp").bytes
    left, top, right, bottom = image.getchannel("A").getbbox()
    assert min(left, top, 512 - right, 512 - bottom) >= 16


def test_a_sticker_too_rich_for_whatsapp_is_compressed_and_says_so():
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    made = sticker_file(noise, np.full((512, 512), 255, np.uint8), "whatsapp", OUTLINED)
    assert len(made.data) <= target_get("whatsapp").bytes
    assert "quality" in made.notes[0]
    assert made.quality in range(1, 96)
    assert 0 < made.ssim < 1


def test_a_sticker_that_fits_loses_nothing(cat, disc):
    alpha = disc(*cat.shape[:2], share=0.4)
    made = sticker_file(cat, alpha, "telegram", PLAIN)
    cut = render.crop(cat, alpha)
    size = tuple(round(length * 512 / max(cut.size)) for length in cut.size)
    wanted, given = (np.asarray(image) for image in (render.scaled(cut, size), opened(made.data)))
    assert (made.notes, made.quality, made.ssim) == ([], None, 1)
    assert np.array_equal(given[..., 3], wanted[..., 3])
    assert np.array_equal(given[wanted[..., 3] > 0], wanted[wanted[..., 3] > 0])


@pytest.mark.parametrize("outline", [True, False])
@pytest.mark.parametrize("box", [(slice(10, 290), slice(150, 250)), (slice(100, 200), slice(5, 445))])
def test_telegram_takes_one_side_of_512(cat, outline, box):
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[box] = 255
    made = sticker_file(cat, alpha, "telegram", outlined(outline))
    image = opened(made.data)
    assert max(image.size) == 512
    assert min(image.size) < 512
    assert len(made.data) <= target_get("telegram").bytes


def test_the_outline_is_white_soft_and_as_wide_as_asked(cat):
    alpha = np.zeros((300, 451), np.uint8)
    alpha[100:200, 100:300] = 255
    made = np.asarray(opened(sticker_file(cat, alpha, "telegram", OUTLINED).data))
    middle = made[made.shape[0] // 2]
    assert middle[4].tolist() == [255, 255, 255, 255]
    columns = np.flatnonzero((middle[:, :3] != 255).any(axis=1) & (middle[:, 3] == 255))
    assert columns[0] == 8


@pytest.mark.parametrize(("target", "side"), [("whatsapp", 464), ("telegram", 496), ("png", 464), ("png", 1856)])
def test_the_outline_is_as_wide_on_every_side(target, side):
    rgb = np.full((2 * side, 2 * side, 3), 60, np.uint8)
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    alpha[side // 2 : side // 2 + side * 3 // 4, side // 2 : side // 2 + side] = 255
    made = np.asarray(opened(sticker_file(rgb, alpha, target, OUTLINED).data)).astype(int)
    dark = (made[..., 3] == 255) & (made[..., 0] < 120)
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    y, x = made.shape[0] // 2, made.shape[1] // 2
    ends = (made[y, : columns[0]], made[y, columns[-1] + 1 :], made[: rows[0], x], made[rows[-1] + 1 :, x])
    widths = [float(end[:, 3].sum()) / 255 for end in ends]
    wide = round(8 * side / 512) if target == "png" else 8
    assert np.abs(np.array(widths) - wide).max() < 0.2
    margin = target_get(target).margin
    shown = np.flatnonzero((made[..., 3] >= masks.HALF).any(0))
    assert (shown[0], made.shape[1] - 1 - shown[-1]) == (margin, margin)


@pytest.mark.parametrize("centre", [(100.0, 100.0), (100.3, 99.6)])
def test_the_outline_of_a_disc_is_a_disc(centre):
    rows, columns = np.mgrid[:200, :200] + 0.5
    away = np.hypot(rows - centre[0], columns - centre[1])
    around = contour.halo((np.clip(60.5 - away, 0, 1) * 255).astype(np.uint8), 8) / 255
    assert np.abs(around - np.clip(68.5 - away, 0, 1)).max() < 0.5
    assert abs(around.sum() - np.pi * 68**2) < 0.003 * np.pi * 68**2


def test_nothing_shows_beyond_the_outline():
    cut = np.zeros((200, 200, 4), np.uint8)
    cut[..., :3] = 90
    cut[60:140, 60:140, 3] = 255
    cut[20:60, 90:110, 3] = 100  # smoke
    made = np.asarray(render.outlined(Image.fromarray(cut), 8))
    assert made[:51, :, 3].max() == 0
    assert (made[53:60, 90:110, 3] == 255).all()
    assert 90 < made[56, 100, 0] < 255


def test_small_notches_of_the_outline_are_closed_and_large_bays_are_not():
    alpha = np.zeros((200, 300), np.uint8)
    alpha[60:140, 40:260] = 255
    alpha[60:120, 90:110] = 0  # 20 pixels wide: 4 are left between the outlines
    alpha[60:120, 160:210] = 0
    around = contour.halo(alpha, 8)
    assert (around[70:120, 90:110] == 255).all()
    assert (around[60:105, 180:190] == 0).all()


def test_where_the_photos_border_cuts_the_subject_off_its_corners_are_round():
    alpha = np.zeros((200, 200), np.uint8)
    alpha[60:140, 60:140] = 255
    plain, cut_off = contour.halo(alpha, 8), contour.halo(alpha, 8, (False, False, False, True))
    assert np.array_equal(plain[:120], cut_off[:120])
    assert cut_off[145, 144] < 64 < 192 < plain[145, 144]
    assert (cut_off[alpha > 0] == 255).all()
    assert (cut_off[140:148, 80:120] == 255).all()


def test_a_strand_at_the_photos_border_stays():
    alpha = np.zeros((120, 120), np.uint8)
    alpha[20:100, 58:61] = 255
    around = contour.halo(alpha, 8, (False, False, False, True))
    assert (around[alpha > 0] >= 128).all()


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
    small = np.asarray(render.scaled(Image.fromarray(np.dstack([rgb, alpha])), (77, 77)))
    visible = small[small[..., 3] > 0]
    assert visible[:, 0].max() == 0


def test_an_empty_mask_is_nothing_to_cut(cat):
    with pytest.raises(render.NothingToCut):
        sticker_file(cat, np.zeros(cat.shape[:2], np.uint8), "png", OUTLINED)


def test_a_one_pixel_subject_makes_a_sticker(cat):
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[5, 7] = 255
    for target in ("png", "whatsapp", "telegram"):
        assert opened(sticker_file(cat, alpha, target, OUTLINED).data).getchannel("A").getextrema()[1] > 0
