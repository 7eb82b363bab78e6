"""Somebody who asks for stickers all the while: what came back, when, and made by which weights."""

import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import requests

PATIENCE = 240.0  # seconds that a loaded machine may take for one answer
ANSWERED = (200, 422)  # a sticker, or a photo in which there is no subject


class Answer(NamedTuple):
    """When it came (seconds since the epoch), its status, and the sha256 of the weights that made it."""

    when: float
    status: int
    weights: str


@dataclass
class Visitors:
    """Sends a photo to `address` every `pause` seconds, from entering the context to leaving it.

    `patient`: each photo waits for the answer to the one before; else they come whatever became of the others.
    `failures` says of every photo that got no answer, or another than ANSWERED, what happened instead.
    """

    address: str
    photo: bytes
    pause: float
    patient: bool = True
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def visit(self) -> None:
        try:
            answer = requests.post(self.address, files={"data": self.photo}, timeout=PATIENCE)
        except requests.RequestException as error:
            self.failures.append(repr(error))
            return
        if answer.status_code in ANSWERED:
            self.answers.append(Answer(time.time(), answer.status_code, answer.headers["X-Weights"]))
        else:
            self.failures.append(f"{answer.status_code} {answer.text}")

    def run(self) -> None:
        going: list[threading.Thread] = []
        due = time.monotonic()
        while not self.over.wait(max(0.0, due - time.monotonic())):
            visit = threading.Thread(target=self.visit)
            visit.start()
            if self.patient:
                visit.join()
                due = time.monotonic()
            else:
                going.append(visit)
            due += self.pause
        for visit in going:
            visit.join()

    def newest(self) -> str:
        """The weights of the last answer; empty before the first."""
        return self.answers[-1].weights if self.answers else ""

    def first(self, weights: str, since: float = 0.0, patience: float = PATIENCE) -> float:
        """When these weights first answered after `since`. AssertionError where they do not within `patience`."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if times := [
                answer.when for answer in list(self.answers) if answer.weights == weights and answer.when >= since
            ]:
                return min(times)
            time.sleep(0.02)
        raise AssertionError(f"{weights[:12]} did not answer in {patience:g} s.")

    def leave(self) -> None:
        """The last answers are waited for."""
        self.over.set()
        self.thread.join()

    def __enter__(self) -> "Visitors":
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
