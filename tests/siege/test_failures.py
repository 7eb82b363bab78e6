"""A full disk and a database that is away, under the whole service: said plainly, nothing lost, nothing doubled."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests

SHAPE = {"code", "detail"}


def put(person: Any, photo: dict[str, Any], correction: uuid.UUID, mask: bytes) -> requests.Response:
    """Sent once, as it is."""
    return person.session.put(
        f"{person.installation.url}/api/v1/corrections/{correction}/",
        data={"photo": photo["id"], "prediction": photo["prediction"]["id"], "strokes": "[]", "seconds": "1"},
        files={"mask": ("mask.png", mask, "image/png")},
        headers={"X-CSRFToken": person.session.cookies.get("csrftoken", "")},
        timeout=120,
    )


def kept(installation: Any, corrections: dict[uuid.UUID, bytes]) -> dict[uuid.UUID, bool]:
    rows = installation.rows("SELECT id, mask FROM annotations_correction")
    return {row[0]: bytes(row[1]) == corrections[row[0]] for row in rows if row[0] in corrections}


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and code of an error, which must have the one shape and say when to come back."""
    said = answer.json()
    assert set(said) == SHAPE
    assert int(answer.headers["Retry-After"]) > 0
    return answer.status_code, said["code"]


@pytest.fixture
def noise() -> Callable[[], bytes]:
    """A mask that no compression makes small."""
    from segmentation import mask as masks

    random = np.random.default_rng(11)
    return lambda: masks.encode_png(random.integers(0, 256, (96, 96), np.uint8))


def test_while_the_database_is_away_a_fix_is_refused_plainly_and_arrives_once(besieged, mask_of):
    person = besieged.person()
    photo, correction, mask = person.upload(900_001, uuid.uuid4()), uuid.uuid4(), mask_of(900_001)
    with besieged.database_away():
        assert refusal(put(person, photo, correction, mask)) == (503, "database_away")
        assert put(person, photo, correction, mask).status_code == 503
    person.correct(photo, correction, mask)
    person.correct(photo, correction, mask)
    assert kept(besieged, {correction: mask}) == {correction: True}


def test_a_full_disk_refuses_plainly_and_goes_on_once_there_is_room(besieged, noise):
    if not besieged.small:
        pytest.skip("A disk of a few hundred megabytes can only be mounted by root.")
    person = besieged.person()
    photo = person.upload(900_002, uuid.uuid4())
    acknowledged, refused = {}, {}
    with besieged.no_room():
        for _ in range(3000):  # what PostgreSQL has set aside for its write-ahead log has to be used up first
            correction, mask = uuid.uuid4(), noise()
            try:
                answer = put(person, photo, correction, mask)
            except requests.ConnectionError:
                continue
            if answer.ok:
                acknowledged[correction] = mask
                continue
            assert refusal(answer) == (503, "database_away")
            refused[correction] = mask
            if len(refused) == 3:
                break
        assert refused, "the disk never was too small"
        for kind in ("web", "worker", "database"):
            besieged.kill(kind, np.random.default_rng(0))
        besieged.wait_for(lambda: "died" in besieged.terminal.read_text(), "that somebody died")
        assert besieged.process.poll() is None
    besieged.wait_for(besieged.ready, "ready again by itself")
    for correction, mask in refused.items():
        person.correct(photo, correction, mask)
    everything = acknowledged | refused
    assert kept(besieged, everything) == dict.fromkeys(everything, True)
    assert len(json.loads((besieged.state / "up.json").read_text())["children"]) == 2
    assert besieged.process.poll() is None
