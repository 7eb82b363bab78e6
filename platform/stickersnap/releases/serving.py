"""The predictor that answers in this process: follows the newest deployment, without losing a photo on the way."""

import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connection
from numpy.typing import NDArray

from annotations.exceptions import Busy
from segmentation import networks
from segmentation import weights as sets
from segmentation.backends import (
    Backend,
    DeviceError,
    DeviceLost,
    OutOfMemory,
    candidates,
    choose,
    gpu_driver,
    open_backend,
)
from segmentation.cut import Cut, Predictor
from segmentation.engine import AnswerLate, Engine, NotFinite, QueueFull
from segmentation.predictor import EnginePredictor
from segmentation.weights import WeightsError
from segmentation.weights.golden import GoldenError, self_test
from stickersnap.api.metrics import EngineMetrics, serves
from stickersnap.releases import selectors, services, verification
from stickersnap.releases.exceptions import CutFailed, NoBrowserGraph, NotReady, NotRightful, ReleaseError
from stickersnap.releases.models import Deployment, PromotionDecision, Rollout, StudentDeployment
from stickersnap.releases.rollout.canary import in_canary
from stickersnap.releases.weights.fetching import weights_ensure

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
RETRY_SECONDS = 10.0  # until weights that could not be loaded are tried again
UNSERVABLE = (WeightsError, GoldenError, DeviceError, ReleaseError, OSError)


@dataclass(frozen=True)
class Status:
    """What serves here; `problem` says why it is not the newest deployment, or nothing at all.

    `lost` says which device was lost while serving and what answers instead.
    """

    weights: str | None
    network: str | None
    device: str | None
    backend: str | None
    deployment: int | None
    problem: str
    lost: str


class ServedPredictor(EnginePredictor):
    """The predictor of a deployment; what its engine refuses is told as a request hears it."""

    def predict(self, rgb: NDArray[np.uint8]) -> Cut:
        """The cut of a photo, H×W×3 uint8 sRGB. Raises Busy, CutFailed, NotReady once the device is lost for good."""
        try:
            return super().predict(rgb)
        except (QueueFull, AnswerLate, OutOfMemory) as error:
            raise Busy from error
        except NotFinite as error:
            raise CutFailed from error
        except DeviceLost as error:
            raise NotReady(str(error)) from error


@dataclass(frozen=True)
class Canary:
    """The challenger, beside what serves, and whom it serves."""

    rollout: uuid.UUID
    share: float
    predictor: ServedPredictor

    def serves(self, owner: uuid.UUID) -> bool:
        return in_canary(owner, self.rollout, self.share) and not self.predictor.engine.lost


class Holder:
    """One per process. `current` is swapped whole: a photo being cut is finished by the weights it began with.

    A second engine is held as long as a challenger serves some people; never a third.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.current: ServedPredictor | None = None
        self.canary: Canary | None = None
        self.deployment: int | None = None
        self.problem = ""
        self.refused = ""  # what may not serve, and why: something older does instead
        self._failed: tuple[int | uuid.UUID, float] | None = None
        self._loading = threading.Lock()
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    def refresh(self) -> None:
        """Loads the newest deployment beside the present one, tests it, then swaps. A failure keeps the present one."""
        with self._loading:
            chain = verification.chain()
            newest = chain.current
            self._note(chain.problem)
            if newest is None:
                self.problem = str(NotReady())
                if chain.refused and self.current is None:
                    self.current = _shipped()
                return
            wanted = row_here(newest)
            there = self.current.weights if self.current else None
            if (newest.id, wanted.weights_id) != (self.deployment, there) and not self._failed_lately(newest.id):
                self._follow(newest.id, wanted)
            self._follow_canary()

    def _note(self, refused: str) -> None:
        if refused and refused != self.refused:
            log.error("%s What served before goes on serving.", refused)
        self.refused = refused

    def _follow_canary(self) -> None:
        """Whoever the canary can't serve is served by the champion, and is told so."""
        rollout = selectors.canary_current()
        if rollout is None or on_cpu_by_student(rollout.weights.network):
            self.canary = None
        elif self.canary is None or self.canary.rollout != rollout.id:
            self.canary = None
            if self._failed_lately(rollout.id):
                return
            try:
                self.canary = Canary(rollout.id, rollout.canary_share, _load(rollout))
            except UNSERVABLE as error:
                self._failed = (rollout.id, time.monotonic() + RETRY_SECONDS)
                log.error("The canary of rollout %s can't be served here: %s", rollout.id, error)
            else:
                log.info("Serving weights %s to some people.", rollout.weights_id[:12])

    def _failed_lately(self, deployment: int | uuid.UUID) -> bool:
        return self._failed is not None and self._failed[0] == deployment and time.monotonic() < self._failed[1]

    def _follow(self, deployment: int, row: Deployment | StudentDeployment) -> None:
        sha256 = row.weights_id
        try:
            if self.deployment is not None and deployment < self.deployment:
                raise NotRightful(f"Deployment {self.deployment}, which serves, is gone from the database.")
            verification.permit(row)
            if self.current is None or self.current.weights != sha256:
                tried = self.canary.predictor if self.canary else None
                self.current = tried if tried and tried.weights == sha256 else _load(row)
        except UNSERVABLE as error:
            self._failed = (deployment, time.monotonic() + RETRY_SECONDS)
            kept = self.current.weights[:12] if self.current else "nothing"
            self.problem = f"Deployment {deployment} can't be served here: {error}"
            log.error("%s Serving %s meanwhile.", self.problem, kept)
        else:
            self.deployment, self.problem, self._failed = deployment, "", None
            log.info("Serving deployment %s, weights %s by %s.", deployment, sha256[:12], self.current.backend)

    def watch(self) -> None:
        """Starts the thread that looks for a newer deployment."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, daemon=True, name="deployment-watcher")
            self._watcher.start()

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            try:
                self.refresh()
            except DatabaseError as error:
                log.warning("Can't look for newer deployments: %s", str(error).strip())
            except Exception:
                log.exception("Looking for newer deployments failed.")
            finally:
                connection.close()

    def stop(self) -> None:
        """Ends the thread, so that a test leaves none behind."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join()


def _load(row: Deployment | Rollout | StudentDeployment) -> ServedPredictor:
    """A predictor of what a row lets serve, to the byte. Raises one of UNSERVABLE."""
    decided = verification.permit(row)
    return _opened(verification.weights_set(decided, sets.inspect(weights_ensure(decided.challenger))))


def _shipped() -> ServedPredictor | None:
    """The weights that come with the program: they serve where no deployment is rightful, until one is."""
    try:
        return _opened(sets.inspect(sets.starter_folder()))
    except UNSERVABLE as error:
        log.error("The shipped weights can't be served here: %s", error)
        return None


def _opened(weights: sets.WeightsSet) -> ServedPredictor:
    """A predictor that passed its golden pictures, on the best backend that does."""
    sha256 = weights.sha256
    reasons = []
    name = None if settings.BACKEND == "auto" else settings.BACKEND
    for candidate in candidates(settings.DEVICE, name, settings.REQUIRE_GPU, weights.card):
        try:
            backend = open_backend(candidate, weights, settings.NETWORK_THREADS)
            return _tested(backend, weights)
        except (DeviceError, GoldenError) as error:
            reasons.append(f"{candidate}: {error}")
            log.warning("Weights %s are not for %s: %s", sha256[:12], candidate, error)
    raise DeviceError(" ".join(reasons))


def _tested(backend: Backend, weights: sets.WeightsSet) -> ServedPredictor:
    """Also warms up: four pictures go through the network."""
    engine = Engine(
        backend,
        waiting=settings.PREDICTIONS_WAITING,
        # On a CPU four pictures take four times as long as one: the first would wait for the others in vain.
        batch_limit=settings.BATCH_LIMIT or (1 if backend.device == "cpu" else None),
        fallback=partial(_on_cpu, weights) if backend.device != "cpu" and not settings.REQUIRE_GPU else None,
        watcher=EngineMetrics(),
    )
    try:
        predictor = ServedPredictor(engine, weights.sha256, weights.card)
        self_test(predictor, half=backend.half)
    except GoldenError:
        engine.stop()
        raise
    except Exception as error:
        engine.stop()
        raise DeviceError(f"The golden pictures can't be cut by {backend.name} ({error}): choose another.") from error
    serves(backend)
    return predictor


def _on_cpu(weights: sets.WeightsSet) -> Backend:
    """What takes over when the GPU is lost."""
    return choose(weights, "cpu", threads=settings.NETWORK_THREADS)


_holder: Holder | None = None
_holding = threading.Lock()


def holder() -> Holder:
    """This process's own holder: threads do not survive a fork, so a child makes its own."""
    global _holder
    if _holder is None or _holder.pid != os.getpid():
        with _holding:
            if _holder is None or _holder.pid != os.getpid():
                _holder = Holder()
    return _holder


def predictor_current(owner: uuid.UUID | None = None) -> Predictor:
    """The predictor of the newest deployment that could be loaded; of the canary where it serves this owner.

    Raises NotReady where there is none.
    """
    own = holder()
    if own.current is None:
        own.refresh()
        own.watch()
    if own.current is None:
        raise NotReady(own.problem)
    canary = own.canary
    if owner and canary and canary.serves(owner):
        return canary.predictor
    if own.current.engine.lost:
        raise NotReady(own.current.engine.problem)
    return own.current


def row_here(deployment: Deployment) -> Deployment | StudentDeployment:
    """What serves in this process: where there is no GPU, a large champion's student."""
    student = selectors.student_of(deployment) if on_cpu_by_student(deployment.weights.network) else None
    return student or deployment


def served_here(deployment: Deployment) -> PromotionDecision:
    """The decision on what serves in this process."""
    return row_here(deployment).decision


def on_cpu_by_student(network: str) -> bool:
    """Whether this network is too large for what this process runs on."""
    cpu = settings.DEVICE == "cpu" or (settings.DEVICE == "auto" and not gpu_driver())
    return cpu and not networks.is_light(network)


def status() -> Status:
    """What serves in this process, without loading anything."""
    own = holder()
    served = own.current
    return Status(
        weights=served.weights if served else None,
        network=served.network if served else None,
        device=served.device if served else None,
        backend=served.backend if served else None,
        deployment=own.deployment,
        problem=" ".join(filter(None, (own.problem, own.refused))),
        lost=served.engine.problem if served else "",
    )


def browser_graph() -> tuple[str, Path]:
    """sha256 and file of the browsers' form of what serves, or of its student. Raises NotReady, NoBrowserGraph."""
    deployment = selectors.deployment_current()
    if deployment is None:
        raise NotReady
    decided = verification.permit(selectors.student_of(deployment) or deployment)
    folder = services.weights_folder(decided.challenger)
    try:
        found = verification.weights_set(decided, sets.WeightsSet(folder, decided.challenger, sets.read_card(folder)))
        path = found.form("int8")
    except WeightsError as error:
        raise NoBrowserGraph from error
    if path is None:
        raise NoBrowserGraph
    return str(found.forms["int8"]["sha256"]), path


def reset() -> None:
    """Lets go of everything, as a fresh process would have it."""
    global _holder
    if _holder is not None and _holder.pid == os.getpid():
        _holder.stop()
    _holder = None
