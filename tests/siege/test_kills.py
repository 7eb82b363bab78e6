"""kill -9 of everything at random, while people correct: nothing acknowledged is lost, nothing is doubled."""

import hashlib
import itertools
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

PEOPLE = 4
PER_PHOTO = 5
EDITED = 0.1  # share of the fixes that are changed once more
KINDS = ("web", "worker", "trainer", "database")
RUN = {"epochs": 3, "minutes": 5}
ENDED = ("promoted", "refused")


@dataclass
class Campaign:
    """What was sent and acknowledged, and who was killed."""

    installation: Any
    submissions: int
    mask_of: Callable[[int], bytes]
    acknowledged: dict[uuid.UUID, tuple[int, str]] = field(default_factory=dict)  # version, sha256 of the mask
    photos: dict[uuid.UUID, int] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    heard: list[float] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    again: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        ids = self.installation.rows("SELECT id FROM annotations_photo UNION SELECT id FROM annotations_correction")
        self.before = {row[0] for row in ids}

    def run(self, kills: int, random: np.random.Generator, kinds: tuple[str, ...] = KINDS) -> None:
        """People correct in threads of their own; after every few acknowledged fixes somebody is killed."""
        began, seeds = time.monotonic(), itertools.count()
        self.heard.append(began)
        threads = [threading.Thread(target=self._correct, args=(seeds,), daemon=True) for _ in range(PEOPLE)]
        for thread in threads:
            thread.start()
        moments = np.sort(random.uniform(0.02, 0.98, kills)) * self.submissions
        while any(thread.is_alive() for thread in threads):
            if sum(self.kills.values()) < kills and len(self.acknowledged) >= moments[sum(self.kills.values())]:
                self._kill(random, kinds)
            time.sleep(0.05)
        assert not self.failures, self.failures[0]
        self.seconds = time.monotonic() - began

    def _kill(self, random: np.random.Generator, kinds: tuple[str, ...]) -> None:
        fewest = sorted(kinds, key=lambda kind: self.kills[kind] + random.random())
        for kind in fewest if random.random() < 0.7 else random.permutation(kinds):
            if self.installation.kill(str(kind), random):
                self.kills[str(kind)] += 1
                return

    def _correct(self, seeds: "itertools.count[int]") -> None:
        try:
            person = self.installation.person()
            person.consent()
            while (seed := next(seeds)) * PER_PHOTO < self.submissions:
                photo_id = uuid.uuid4()
                photo = person.upload(seed, photo_id)
                self.photos[photo_id] = seed
                for place in range(min(PER_PHOTO, self.submissions - seed * PER_PHOTO)):
                    self._submit(person, photo, seed * PER_PHOTO + place)
            with self.lock:
                self.again += person.again
        except BaseException as error:
            self.failures.append(error)
            raise

    def _submit(self, person: Any, photo: dict[str, Any], number: int) -> None:
        correction, mask = uuid.uuid4(), self.mask_of(number)
        person.correct(photo, correction, mask)
        self.acknowledged[correction] = (1, hashlib.sha256(mask).hexdigest())
        self.heard.append(time.monotonic())
        if number % round(1 / EDITED) == 0:
            mask = self.mask_of(number + 10_000_000)
            person.correct(photo, correction, mask, if_match=1)
            self.acknowledged[correction] = (2, hashlib.sha256(mask).hexdigest())

    def outage(self) -> float:
        return float(np.diff(sorted(self.heard)).max())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What came with this campaign, each row by its first column."""
        return [row for row in self.installation.rows(query) if row[0] not in self.before]

    def check(self) -> dict[str, int]:
        """How many acknowledged fixes are lost or have other bytes, how many rows there are too many."""
        query = "SELECT id, version, mask_sha256, encode(sha256(mask), 'hex') FROM annotations_correction"
        kept = self.rows(query)
        by_id = {row[0]: row[1:] for row in kept}
        lost = [c for c, (version, sha) in self.acknowledged.items() if by_id.get(c) != (version, sha, sha)]
        photos = self.rows("SELECT id, upload_sha256 FROM annotations_photo")
        predictions = self.rows("SELECT photo_id FROM annotations_prediction")
        lost_photos = set(self.photos) - {row[0] for row in photos}
        doubled = len(kept) - len(self.acknowledged) + len(photos) - len(self.photos) + len(predictions) - len(photos)
        doubled += len(photos) - len({row[1] for row in photos})
        return {"lost": len(lost) + len(lost_photos), "doubled": doubled}

    def serves(self) -> bool:
        """What the service says serves is what cuts a new photo."""
        person = self.installation.person()
        current = person.send("GET", "weights/current/").json()
        photo = person.upload(2**30, uuid.uuid4())
        return bool(photo["prediction"]["weights"] == current["sha256"])


class Conductor:
    """Approves some fixes, and sees to it that there is always a retraining to be killed."""

    def __init__(self, installation: Any) -> None:
        self.installation, self.over, self.asked = installation, threading.Event(), 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        operator = self.installation.operator()
        while not self.over.wait(3):
            if not self.asked:
                approve(operator, 30)
            if operator.send("POST", "releases/retrain/", json=RUN).status_code == 202:
                self.asked += 1

    def __enter__(self) -> "Conductor":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()


def approve(operator: Any, most: int) -> None:
    """Approves fixes of as many different photos."""
    seen: set[str] = set()
    for entry in operator.send("GET", "queue/review/?page_size=100").json()["results"]:
        correction, photo = entry["correction"], entry["photo"]["id"]
        if photo not in seen and len(seen) < most:
            verdict = {"verdict": "approve", "reason": "", "version": correction["version"]}
            if operator.send("POST", f"corrections/{correction['id']}/review/", json=verdict).ok:
                seen.add(photo)


def retrain_to_the_end(installation: Any) -> str:
    """The state in which the newest retraining ends by itself."""
    operator = installation.operator()
    approve(operator, 30)
    state = ""
    for _ in range(5):
        operator.send("POST", "releases/retrain/", json=RUN)
        state = installation.wait_for(lambda: ended(installation), "a retraining that ended", seconds=900)
        if state in ENDED:
            break
    return state


def ended(installation: Any) -> str:
    (state,) = installation.rows("SELECT state FROM releases_trainingrun ORDER BY created_at DESC LIMIT 1")[0]
    return str(state) if state in (*ENDED, "failed") else ""


def test_a_few_kills_lose_nothing_and_double_nothing(besieged, mask_of):
    campaign = Campaign(besieged, 100, mask_of)
    campaign.run(4, np.random.default_rng(1), kinds=("web", "worker", "database"))
    assert sum(campaign.kills.values()) == 4
    assert set(campaign.kills) == {"web", "worker", "database"}
    assert len(campaign.acknowledged) == 100
    assert campaign.check() == {"lost": 0, "doubled": 0}
    besieged.wait_for(campaign.serves, "the champion serving")


@pytest.mark.bars
def test_hundreds_of_kills_during_thousands_of_submissions(install, mask_of, capsys):
    """SIEGE_SUBMISSIONS and SIEGE_KILLS make it smaller or larger than 10,000 and 200."""
    submissions = int(os.environ.get("SIEGE_SUBMISSIONS", "10000"))
    kills = int(os.environ.get("SIEGE_KILLS", "200"))
    with install() as installation:
        campaign = Campaign(installation, submissions, mask_of)
        with Conductor(installation) as conductor:
            campaign.run(kills, np.random.default_rng(int(os.environ.get("SIEGE_SEED", "0"))))
        found = campaign.check()
        end = retrain_to_the_end(installation)
        serving = campaign.serves()
        states = Counter(state for (state,) in installation.rows("SELECT state FROM releases_trainingrun"))
        died = installation.terminal.read_text().count("died")
    with capsys.disabled():
        print(f"\nsubmissions {submissions}, photos {len(campaign.photos)}, in {campaign.seconds:.0f} s")
        print("kills " + ", ".join(f"{kind} {campaign.kills[kind]}" for kind in KINDS))
        print(f"sent again {campaign.again} times, restarts by the supervisor {died}")
        print(f"longest time without an acknowledgement {campaign.outage():.1f} s")
        print(f"retrainings asked for {conductor.asked}, ended as {dict(states)}")
        print("bar | measured | met / not met")
        for bar, measured, met in (
            (f"kills ≥ {kills}", sum(campaign.kills.values()), sum(campaign.kills.values()) >= kills),
            ("acknowledged = submissions", len(campaign.acknowledged), len(campaign.acknowledged) == submissions),
            ("acknowledged and lost = 0", found["lost"], found["lost"] == 0),
            ("doubled = 0", found["doubled"], found["doubled"] == 0),
            ("the champion serves", serving, serving),
            ("a retraining runs to its end", end, end in ENDED),
        ):
            print(f"{bar} | {measured} | {'met' if met else 'not met'}")
    assert (found, len(campaign.acknowledged)) == ({"lost": 0, "doubled": 0}, submissions)
    assert serving
    assert end in ENDED
