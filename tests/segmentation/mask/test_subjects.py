"""All subjects, the largest, or the one that was pointed at."""

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.mask import subjects

Alpha = NDArray[np.uint8]


@pytest.fixture
def three() -> Alpha:
    """A large subject on the left with a soft rim, a smaller one on the right, and a speck of dust."""
    alpha = np.zeros((100, 200), np.uint8)
    alpha[18:82, 8:72] = 90
    alpha[20:80, 10:70] = 255
    alpha[30:60, 150:180] = 220
    alpha[90:94, 100:104] = 255
    return alpha


def test_all_keeps_every_subject_and_drops_the_dust(three: Alpha) -> None:
    kept = subjects.choose(three, "all")
    assert np.array_equal(kept[:88], three[:88])
    assert kept[88:].max() == 0


def test_the_largest_stays_with_its_soft_rim(three: Alpha) -> None:
    kept = subjects.choose(three, "largest")
    assert np.array_equal(kept[:, :75], three[:, :75])
    assert kept[:, 75:].max() == 0


@pytest.mark.parametrize(("point", "left", "right"), [
    ((0.2, 0.5), True, False),
    ((0.82, 0.45), False, True),
    ((0.92, 0.45), False, True),  # just beside it
    ((0.42, 0.85), True, False),  # nearer to the dust, which is no subject
])  # fmt: skip
def test_a_point_chooses_the_subject_under_it_or_beside_it(
    three: Alpha, point: tuple[float, float], left: bool, right: bool
) -> None:
    kept = subjects.choose(three, point)
    assert (kept[:, :75].any(), kept[:, 140:].any(), kept[88:].any()) == (left, right, False)


def test_a_point_beside_everything_says_so(three: Alpha) -> None:
    with pytest.raises(subjects.SubjectError) as caught:
        subjects.choose(three, (0.6, 0.02))
    assert caught.value.code == "no_subject_there"
    assert "take all of them" in str(caught.value)


def test_a_photo_of_one_subject_is_still_pointed_at(three: Alpha) -> None:
    alone = three.copy()
    alone[:, 75:] = 0
    assert np.array_equal(subjects.choose(alone, (0.2, 0.5)), alone)
    with pytest.raises(subjects.SubjectError):
        subjects.choose(alone, (0.99, 0.99))


def test_subjects_are_found_the_largest_first_each_with_a_point_inside(three: Alpha) -> None:
    found = subjects.find(three)
    assert len(found.points) == 2
    for label, (x, y) in enumerate(found.points, 1):
        assert found.labels[int(y * 100), int(x * 200)] == label
    assert (found.labels == 1).sum() > (found.labels == 2).sum()


def test_one_subject_has_one_name_wherever_it_is_pointed_at(three: Alpha) -> None:
    found = subjects.find(three)
    names = {subjects.named(found, point) for point in ((0.1, 0.3), (0.3, 0.7), (0.2, 0.5))}
    assert len(names) == 1
    point = subjects.parse(names.pop())
    assert np.array_equal(subjects.chosen(found, point), subjects.choose(three, (0.2, 0.5)))
    assert [subjects.named(found, which) for which in ("all", "largest")] == ["all", "largest"]


@pytest.mark.parametrize("which", ["all", "largest"])
def test_a_mask_without_a_subject_stays_as_it_is(which: str) -> None:
    faint = np.full((9, 9), 40, np.uint8)
    assert np.array_equal(subjects.choose(faint, which), faint)
    assert subjects.find(faint).points == ()


@pytest.mark.parametrize("text", ["", "some", "0.5", "0.5,0.5,0.5", "1.2,0", "-0.1,0", "nan,0.5", "inf,1", "x,y"])
def test_a_strange_choice_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(subjects.SubjectError, match=r"0\.5,0\.4") as caught:
        subjects.parse(text)
    assert caught.value.code == "not_a_subject"


def test_a_choice_is_read() -> None:
    assert subjects.parse("all") == "all"
    assert subjects.parse("0.25,1") == (0.25, 1.0)


def test_a_thousand_specks_are_no_subjects() -> None:
    alpha = np.zeros((300, 300), np.uint8)
    alpha[::6, ::6] = 255
    alpha[100:200, 100:200] = 255
    found = subjects.find(alpha)
    assert len(found.points) == 1
    assert subjects.chosen(found, "all")[:90].max() == 0


def test_eight_subjects_at_most_are_told_apart() -> None:
    alpha = np.zeros((40, 240), np.uint8)
    for i in range(12):
        alpha[10:30, i * 20 + 5 : i * 20 + 15] = 255
    assert len(subjects.find(alpha).points) == subjects.MOST
