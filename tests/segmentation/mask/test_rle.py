"""Run lengths, held against COCO's own code."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from segmentation.mask import MaskError, rle

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))
alphas = shapes.flatmap(lambda shape: arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 127, 128, 255])))


@given(alphas, st.integers(1, 30))
@settings(max_examples=300, deadline=None)
def test_it_writes_and_reads_what_coco_writes(alpha, larger):
    alpha = np.repeat(np.repeat(alpha, larger, 0), larger, 1)
    ours = rle.encode(alpha)
    theirs = coco.encode(np.asfortranarray((alpha >= 128).astype(np.uint8)))
    assert ours == {"size": list(theirs["size"]), "counts": theirs["counts"].decode()}
    assert np.array_equal(coco.decode(ours), alpha >= 128)
    if (alpha >= 128).any():
        cut = (alpha >= 128) * np.uint8(255)
        size = alpha.shape[::-1]
        assert np.array_equal(rle.decode(json.loads(json.dumps(ours)), size), cut)
        assert np.array_equal(rle.decode({**ours, "counts": rle.counts_of(alpha).tolist()}, size), cut)


@given(st.text(max_size=40) | st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_mask_or_an_error(text):
    with contextlib.suppress(MaskError):
        assert rle.decode({"size": [7, 9], "counts": text}, (9, 7)).shape == (7, 9)


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        (None, "bad_rle"),
        ([], "bad_rle"),
        ({"size": [4, 6]}, "bad_rle"),
        ({"size": [6, 4], "counts": [24]}, "wrong_size"),
        ({"size": "4x6", "counts": [24]}, "wrong_size"),
        ({"size": [4, 6], "counts": [25]}, "bad_rle"),
        ({"size": [4, 6], "counts": [3, 20]}, "bad_rle"),
        ({"size": [4, 6], "counts": [-1, 25]}, "bad_rle"),
        ({"size": [4, 6], "counts": [2**31, 1]}, "bad_rle"),
        ({"size": [4, 6], "counts": [10**400]}, "bad_rle"),
        ({"size": [4, 6], "counts": [True, 23]}, "bad_rle"),
        ({"size": [4, 6], "counts": [12.0, 12.0]}, "bad_rle"),
        ({"size": [4, 6], "counts": [[12, 12]]}, "bad_rle"),
        ({"size": [4, 6], "counts": 24}, "bad_rle"),
        ({"size": [4, 6], "counts": "o" * 100 + "0"}, "bad_rle"),
        ({"size": [4, 6], "counts": "ooo"}, "bad_rle"),
        ({"size": [4, 6], "counts": "0\x00"}, "bad_rle"),
        ({"size": [4, 6], "counts": "ä"}, "bad_rle"),
        ({"size": [4, 6], "counts": ""}, "bad_rle"),
        ({"size": [4, 6], "counts": []}, "bad_rle"),
        ({"size": [4, 6], "counts": [24]}, "empty_mask"),
    ],
)
def test_what_is_wrong_is_said(given_, code):
    with pytest.raises(MaskError) as refused:
        rle.decode(given_, (6, 4))
    assert refused.value.code == code
    assert len(str(refused.value).split()) > 3


def test_soft_masks_are_cut_at_one_half():
    alpha = np.array([[0, 127, 128, 255]], np.uint8)
    assert rle.decode(rle.encode(alpha), (4, 1)).tolist() == [[0, 0, 255, 255]]
