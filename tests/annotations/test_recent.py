"""Photos decoded a moment ago, kept small."""

from PIL import Image

from annotations.recent import SECONDS, Recent

FIRST, SECOND, THIRD = "1", "2", "3"


def test_a_photo_is_kept_and_an_unknown_one_is_not_there() -> None:
    recent = Recent()
    recent.keep(FIRST, Image.new("RGB", (40, 30)))
    kept = recent.get(FIRST)
    assert kept is not None
    assert kept.size == (40, 30)
    assert recent.get(SECOND) is None


def test_there_are_never_more_bytes_than_allowed_and_the_one_unused_longest_goes() -> None:
    recent = Recent(most=3 * 400 * 300 * 4)
    photo = Image.new("RGB", (400, 300))
    for number in range(1, 4):
        recent.keep(str(number), photo)
    assert recent.get(FIRST) is not None  # used again
    for number in range(4, 50):
        recent.keep(str(number), photo)
        assert recent.bytes <= recent.most
        assert recent.get(FIRST) is not None
    assert recent.get(SECOND) is None
    assert recent.get("49") is not None


def test_one_photo_kept_twice_counts_once_and_one_forgotten_not_at_all() -> None:
    recent = Recent()
    for _ in range(2):
        recent.keep(FIRST, Image.new("RGB", (40, 30)))
    assert recent.bytes == 40 * 30 * 4
    recent.forget(FIRST)
    recent.forget(THIRD)
    assert recent.get(FIRST) is None
    assert recent.bytes == 0


def test_a_photo_that_would_take_half_the_room_is_left_alone() -> None:
    recent = Recent(most=40 * 30 * 4)
    recent.keep(FIRST, Image.new("RGB", (40, 30)))
    assert recent.get(FIRST) is None
    assert recent.bytes == 0


def test_none_is_kept_for_long_though_it_is_used_and_nobody_says_that_it_was_deleted() -> None:
    now = [0.0]
    recent = Recent(clock=lambda: now[0])
    recent.keep(FIRST, Image.new("RGB", (40, 30)))
    now[0] = SECONDS
    recent.keep(SECOND, Image.new("RGB", (40, 30)))
    assert recent.get(FIRST) is not None
    now[0] = SECONDS + 1
    assert recent.get(SECOND) is not None
    assert recent.bytes == 40 * 30 * 4
    assert recent.get(FIRST) is None
