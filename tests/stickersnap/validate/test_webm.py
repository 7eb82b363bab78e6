"""WebM by its elements: files made here, element by element."""

import struct

import pytest

from stickersnap.validate.checking import check
from stickersnap.validate.limits import target_get


def element(identity: int, body: bytes) -> bytes:
    name = identity.to_bytes((identity.bit_length() + 7) // 8)
    return name + (len(body) | 1 << 28).to_bytes(4) + body


def number(identity: int, value: int) -> bytes:
    return element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8)))


def webm(width=512, height=512, ms=2000.0, frames=60, codec=b"V_VP9", alpha=1, extra=b"") -> bytes:
    video = element(0xE0, number(0xB0, width) + number(0xBA, height) + number(0x53C0, alpha))
    track = element(0xAE, number(0x83, 1) + element(0x86, codec) + video)
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000) + element(0x4489, struct.pack(">d", ms)))
    blocks = b"".join(
        element(0xA3, b"\x81" + struct.pack(">h", round(i * ms / frames)) + b"\x80" + b"video") for i in range(frames)
    )
    cluster = element(0x1F43B675, number(0xE7, 0) + blocks)
    return element(0x1A45DFA3, b"") + element(0x18538067, info + element(0x1654AE6B, track + extra) + cluster)


def refused(data: bytes) -> list[str]:
    return [finding.rule for finding in check(data, target_get("telegram-moving")) if finding.refused]


def test_a_video_sticker_as_telegram_wants_it():
    assert check(webm(), target_get("telegram-moving")) == []


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"ms": 2999.0}, []),
        ({"ms": 3000.0}, []),
        ({"ms": 3001.0}, ["total_ms"]),
        ({"frames": 61}, []),
        ({"frames": 70}, ["fps"]),
        ({"width": 511}, []),
        ({"width": 511, "height": 511}, ["size"]),
        ({"width": 513}, ["size"]),
        ({"codec": b"V_VP8"}, ["codec"]),
        ({"extra": element(0xAE, element(0x86, b"A_OPUS"))}, ["codec"]),
    ],
)
def test_limits(change, rules):
    assert refused(webm(**change)) == rules


def test_bytes_one_below_at_and_one_above():
    def of(length):
        plain = webm()
        return plain + element(0xEC, bytes(length - len(plain) - 5))

    assert [refused(of(256_000 + more)) for more in (-1, 0, 1)] == [[], [], ["bytes"]]


def test_a_video_without_transparency_is_taken_with_advice():
    findings = check(webm(alpha=0), target_get("telegram-moving"))
    assert [(finding.rule, finding.refused) for finding in findings] == [("alpha", False)]


@pytest.mark.parametrize("length", range(0, 200, 7))
def test_cut_short_anywhere_it_is_refused(length):
    assert refused(webm()[:length])
