"""Each limit one below, at, and one above; the refusals that people reported, rebuilt."""

import struct

import pytest
from made_stickers import dot, moving, noisy, padded_webp, saved

from stickersnap.validate.checking import check, valid
from stickersnap.validate.limits import target_get, targets


def refused(data: bytes, name: str) -> list[str]:
    return [finding.rule for finding in check(data, target_get(name)) if finding.refused]


@pytest.mark.parametrize(
    ("limit", "target"), [(100_000, "whatsapp"), (512_000, "telegram"), (300_000, "signal"), (20_000_000, "webp")]
)
def test_bytes_one_below_at_and_one_above(limit, target):
    assert refused(padded_webp(limit - 2), target) == []
    assert refused(padded_webp(limit), target) == []
    assert refused(padded_webp(limit + 2), target) == ["bytes"]


@pytest.mark.parametrize("name", [name for name, target in targets().items() if "webm" not in target.formats])
def test_sizes_one_below_at_and_one_above(name):
    target = target_get(name)
    kind = {"webp": "WEBP", "png": "PNG", "apng": "PNG"}[target.formats[0]]

    def of(width, height):
        return moving(2, size=(width, height), kind=kind) if target.moving else saved(dot((width, height)), kind)

    width, height = target.box
    step = 2 if target.even else 1
    assert refused(of(width, height), name) == []
    assert refused(of(width + step, height), name) == ["size"]
    smaller = [] if target.within else ["size"]
    assert refused(of(width - step, height - step), name) == smaller
    if target.longer:
        assert refused(of(width, height - 1), name) == []
        assert refused(of(width, height + 1), name) == ["size"]


def test_odd_sides_are_refused_where_they_must_be_even():
    assert refused(saved(dot((369, 320)), "PNG"), "line") == ["size"]


@pytest.mark.parametrize(("ms", "rules"), [(7, ["frame_ms"] * 4), (8, []), (9, [])])
def test_a_frame_s_least_time(ms, rules):
    assert refused(moving(4, ms), "whatsapp-moving") == rules


@pytest.mark.parametrize(("ms", "rules"), [(9_999, []), (10_000, []), (10_001, ["total_ms"])])
def test_the_longest_animation(ms, rules):
    assert refused(moving(2, [ms - 100, 100]), "whatsapp-moving") == rules


def test_every_refusal_names_file_place_source_and_mend():
    (finding,) = check(saved(dot((511, 512))), target_get("whatsapp"), "cat.webp")
    assert (finding.file, finding.chunk) == ("cat.webp", "VP8L" if saved(dot())[12:16] == b"VP8L" else finding.chunk)
    assert finding.byte == 12
    assert "511×512" in finding.detail
    assert "512×512" in finding.detail
    assert finding.mend.startswith("Mend: ")
    assert "WhatsApp/stickers" in finding.source
    assert str(finding).startswith("cat.webp, chunk")


class TestReportedRefusals:
    """What WhatsApp's own sample validator let through and the phone refused."""

    def test_506190_bytes_are_too_many_and_486386_were_accepted(self):  # issues 742 and 746
        whatsapp = target_get("whatsapp-moving")
        assert whatsapp.bytes == 486_000
        frames = [noisy((512, 512), seed) for seed in range(3)]
        data = saved(frames[0], save_all=True, append_images=frames[1:], duration=100, quality=60)
        assert len(data) > 486_000
        assert "bytes" in refused(data, "whatsapp-moving")

    def test_one_frame_with_an_animation_s_header_is_still(self):  # issue 755
        one = animated_by_hand([frame_of(saved(dot(), quality=80))])
        assert "moving" in refused(one, "whatsapp-moving")
        assert "moving" in refused(one, "whatsapp")

    def test_frames_without_the_flag_in_the_header(self):  # issue 755
        data = bytearray(moving(3))
        assert data[12:16] == b"VP8X"
        data[20] &= ~0x02
        assert "structure" in refused(bytes(data), "whatsapp-moving")

    def test_bytes_after_the_end_make_a_corrupted_file(self):  # issues 606 and 799
        assert refused(saved(dot()) + b"\0" * 7, "whatsapp") == ["structure"]

    def test_a_first_frame_that_leaves_part_of_the_canvas_open(self):  # issues 1011 and 1017
        frames = [frame_of(saved(dot((400, 400)), quality=80), 400, 400), frame_of(saved(dot(), quality=80))]
        assert "first_frame" in refused(animated_by_hand(frames), "whatsapp-moving")

    def test_metadata_and_profiles_are_advised_against(self):  # issues 1083 and 1085
        data = saved(dot(), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0", icc_profile=b"0" * 200)
        findings = check(data, target_get("whatsapp"))
        assert valid(findings)
        assert {finding.rule for finding in findings} == {"metadata", "profile"}


def frame_of(data: bytes, width=512, height=512) -> bytes:
    """An ANMF chunk at the top left, 100 ms, of a still WebP's bitstream."""
    start = 12
    if data[12:16] == b"VP8X":
        start += 18
    body = data[start:]
    head = bytes(6) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    payload = head + (100).to_bytes(3, "little") + b"\x02" + body
    return b"ANMF" + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def animated_by_hand(frames: list[bytes]) -> bytes:
    head = b"VP8X" + struct.pack("<I", 10) + bytes([0x12, 0, 0, 0]) + (511).to_bytes(3, "little") * 2
    body = b"WEBP" + head + b"ANIM" + struct.pack("<I", 6) + bytes(6) + b"".join(frames)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("length", [0, 4, 11, 12, 19, 30, 100, 500])
@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF", "JPEG"])
def test_a_file_cut_short_is_refused_and_never_breaks_the_reader(kind, length):
    picture = dot().convert("RGB") if kind == "JPEG" else dot()
    data = saved(picture, kind)[:length]
    for name in targets():
        assert not valid(check(data, target_get(name), "short"))


def test_a_damaged_checksum_names_the_chunk():
    data = bytearray(saved(dot((320, 320)), "PNG"))
    data[29] ^= 0xFF  # the header's own checksum
    findings = [f for f in check(bytes(data), target_get("discord")) if f.refused]
    assert (findings[0].rule, findings[0].chunk, findings[0].byte) == ("structure", "IHDR", 8)


@pytest.mark.parametrize(
    "data", [b"<html></html>", b"%PDF-1.7 ...........", b"\x1a\x45\xdf\xa3" + bytes(40), b"RIFF\xff\xff\xff\xffWEBP"]
)
def test_what_is_no_picture_is_said_to_be_none(data):
    for name in ("whatsapp", "telegram-moving", "png"):
        assert not valid(check(data, target_get(name)))


def test_apng_for_signal_and_still_png_not():
    assert refused(moving(3, kind="PNG"), "signal-moving") == []
    assert refused(saved(dot(), "PNG"), "signal-moving") == ["format"]
    assert refused(moving(31, 100, kind="PNG"), "signal-moving") == ["total_ms"]


def test_a_gif_is_an_emoji_for_slack_and_no_sticker_for_whatsapp():
    data = moving(3, size=(128, 128), kind="GIF")
    assert refused(data, "slack") == []
    assert "format" in refused(data, "whatsapp")
