"""What a stroke log may hold, and how much of it: one clear answer for all that is too much."""

import gzip
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from annotations import names
from annotations.api import strokes


def file(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("strokes.json", data)


def deep(levels: int) -> str:
    return '[{"a":' + "[" * levels + "]" * levels + "}]"


REAL = [{"tool": "brush", "size": 9, "points": [[x, x / 7] for x in range(3000)], "name": "Größe 🐈"}] * 3
PLAIN = json.dumps(REAL)


@pytest.mark.parametrize("log", [PLAIN, REAL, file(PLAIN.encode()), file(gzip.compress(PLAIN.encode())), "[]"])
def test_a_real_log_comes_in_as_it_was(log):
    assert strokes.read(log) == ([] if log == "[]" else REAL)


WRONG = {
    "half a pair": '[{"a":"\\ud800"}]',
    "half a pair as a name": '[{"\\udc00":1}]',
    "half a pair parsed": [{"a": "\ud800"}],
    "NUL": '[{"a":"\\u0000"}]',
    "1e400": '[{"a":1e400}]',
    "infinity parsed": [{"a": float("inf")}],
    "NaN": '[{"a":NaN}]',
    "5000 digits": f'[{{"a":{"9" * 5000}}}]',
    "no JSON": "[{",
    "no list": '{"a":1}',
    "no objects": "[1]",
    "not UTF-8": file(b'[{"a":"\xff"}]'),
    "cut short": file(gzip.compress(PLAIN.encode())[:-20]),
    "damaged": file(b"\x1f\x8b" + bytes(40)),
    "nothing": file(b""),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cant_be_kept_is_refused(kind):
    with pytest.raises(strokes.StrokesError):
        strokes.read(WRONG[kind])


def large() -> dict[str, object]:
    return {
        "deep": deep(strokes.DEPTH),
        "too deep to be read": deep(100_000),
        "many strokes": "[" + ",".join(["{}"] * (strokes.STROKES_AT_MOST + 1)) + "]",
        "many points": '[{"points":[' + ",".join(["1"] * (strokes.VALUES_AT_MOST + 1)) + "]}]",
        "long": '[{"a":"' + "x" * strokes.TEXT_BYTES + '"}]',
        "long file": file(b'[{"a":"' + b"x" * strokes.TEXT_BYTES + b'"}]'),
        "packed a thousandfold": file(gzip.compress(b'[{"a":"' + b"x" * 1_000_000 + b'"}]')),
    }


@pytest.mark.parametrize("kind", large())
def test_what_is_too_much_is_refused_in_the_same_words(kind):
    with pytest.raises(strokes.StrokesError, match="is too large"):
        strokes.read(large()[kind])


@pytest.mark.parametrize("letter", ["a", "é", "写", "🐈"])
def test_names_are_cut_by_bytes_at_whole_letters(letter):
    stem = names.stem_of(letter * 120 + ".jpg")
    assert 0 < len(stem.encode()) <= names.STEM_BYTES
    assert set(stem) == {letter}
    assert names.stem_of("cat.jpg") == "cat"
    assert names.stem_of("") == "photo"
