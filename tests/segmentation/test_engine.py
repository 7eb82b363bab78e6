"""The engine: many at once, each with its own answer, whatever happens to the device."""

import gc
import logging
import os
import threading
import weakref

import numpy as np
import pytest
from waiting import wait_for

from segmentation.backends import DeviceLost, OutOfMemory
from segmentation.engine import AnswerLate, Engine, EngineClosed, NotFinite, QueueFull, Watcher

SECONDS = 30


def shade(value: int, side: int = 8) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def said(answer) -> int:
    """The shade that an answer of `arithmetic` was made from."""
    return round(float(answer.maps[0, 0, 0]) * 255)


class Noted(Watcher):
    def __init__(self):
        self.batches, self.refusals, self.shortages, self.changes = [], 0, [], []

    def batch_done(self, pictures, seconds):
        self.batches.append(pictures)

    def refused(self):
        self.refusals += 1

    def out_of_memory(self, pictures):
        self.shortages.append(pictures)

    def fell_back(self, lost, now):
        self.changes.append((lost.name, now and now.name))


@pytest.fixture
def noted():
    return Noted()


@pytest.fixture
def made():
    """Engines that are closed after the test: the arguments of Engine."""
    engines = []

    def make(*args, **kwargs) -> Engine:
        engines.append(Engine(*args, **kwargs))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def together(engine, values):
    """Submits all while the device is held, so that they wait together; answers in order."""
    return [engine.submit(shade(value)) for value in values]


def test_each_picture_gets_its_own_answer(made, arithmetic):
    engine = made(arithmetic(), waiting=50)
    futures = together(engine, range(40))
    assert [said(future.result(SECONDS)) for future in futures] == list(range(40))


def test_what_waits_goes_in_batches_no_larger_than_the_limit(made, faulty, noted):
    device = faulty(batch_limit=8)
    engine = made(device, waiting=50, watcher=noted)
    with device.held():
        first = engine.submit(shade(1))
        device.begun.acquire()
        rest = together(engine, range(20))
    assert [said(future.result(SECONDS)) for future in (first, *rest)] == [1, *range(20)]
    wait_for(lambda: sum(noted.batches) == 21)
    assert noted.batches == [1, 8, 8, 4]


def test_a_smaller_limit_than_the_backends_can_be_asked_for(made, faulty, noted):
    device = faulty(batch_limit=8)
    engine = made(device, waiting=50, batch_limit=2, watcher=noted)
    with device.held():
        futures = together(engine, range(7))
    assert len([future.result(SECONDS) for future in futures]) == 7
    assert max(noted.batches) <= 2


def test_past_the_bound_is_refused_at_once_and_nobody_else_suffers(made, faulty, noted):
    device = faulty()
    engine = made(device, waiting=3, watcher=noted)
    with device.held():
        accepted = [engine.submit(shade(0))]
        device.begun.acquire()
        accepted += together(engine, range(1, 4))
        for _ in range(5):
            with pytest.raises(QueueFull, match="Try again"):
                engine.submit(shade(9))
    assert [said(future.result(SECONDS)) for future in accepted] == [0, 1, 2, 3]
    assert noted.refusals == 5
    assert said(engine.run(shade(77))) == 77


def test_an_idle_engine_takes_one_even_where_none_may_wait(made, arithmetic):
    engine = made(arithmetic(), waiting=0)
    for value in range(5):
        assert said(engine.run(shade(value))) == value
        wait_for(lambda: not engine._running)


def test_who_no_longer_waits_is_not_computed(made, faulty, noted):
    device = faulty()
    engine = made(device, waiting=9, watcher=noted)
    with device.held():
        first = engine.submit(shade(1))
        device.begun.acquire()
        with pytest.raises(AnswerLate, match="in time"):
            engine.run(shade(2), timeout=0.01)
        last = engine.submit(shade(3))
    assert said(first.result(SECONDS)) == 1
    assert said(last.result(SECONDS)) == 3
    assert device.seen == [1, 3]


def test_a_picture_of_another_shape_is_its_senders_error(made, arithmetic):
    engine = made(arithmetic())
    for wrong in (shade(1, 9), shade(1).astype(np.float32), np.zeros((8, 8), np.uint8)):
        with pytest.raises(ValueError, match="8×8×3 uint8"):
            engine.submit(wrong)
    assert said(engine.run(shade(5))) == 5


def test_a_failing_picture_fails_alone(made, faulty):
    device = faulty(batch_limit=8, poison=13)
    engine = made(device, waiting=20)
    with device.held():
        futures = {value: engine.submit(shade(value)) for value in range(10, 18)}
    with pytest.raises(ZeroDivisionError):
        futures.pop(13).result(SECONDS)
    assert {value: said(future.result(SECONDS)) for value, future in futures.items()} == {v: v for v in futures}


def test_an_answer_that_is_no_number_is_nobodys_mask(made, faulty):
    device = faulty(batch_limit=8, spoilt=3)
    engine = made(device, waiting=20)
    with device.held():
        futures = together(engine, range(5))
    with pytest.raises(NotFinite):
        futures[3].result(SECONDS)
    assert [said(futures[i].result(SECONDS)) for i in (0, 1, 2, 4)] == [0, 1, 2, 4]


def test_out_of_memory_halves_the_batch_says_so_and_everyone_is_answered(made, faulty, noted, caplog):
    device = faulty(batch_limit=16, room=3)
    engine = made(device, waiting=50, watcher=noted)
    with device.held(), caplog.at_level(logging.WARNING):
        futures = together(engine, range(16))
    assert [said(future.result(SECONDS)) for future in futures] == list(range(16))
    assert noted.shortages
    assert max(noted.batches) <= 3
    assert "Out of memory" in caplog.text
    noted.shortages.clear()
    with device.held():
        again = together(engine, range(12))
    assert [said(future.result(SECONDS)) for future in again] == list(range(12))
    assert not noted.shortages, "the smaller batch is remembered"


def test_larger_batches_are_tried_again_after_a_while(made, faulty, noted, monkeypatch):
    monkeypatch.setattr("segmentation.engine.RECOVER_SECONDS", 0.0)
    device = faulty(batch_limit=8, room=2)
    engine = made(device, waiting=50, watcher=noted)
    with device.held():
        futures = together(engine, range(8))
    assert len([future.result(SECONDS) for future in futures]) == 8
    device.room = None
    for _ in range(4):
        noted.batches.clear()
        with device.held():
            futures = together(engine, range(17))
        assert len([future.result(SECONDS) for future in futures]) == 17
    assert max(noted.batches) == 8


def test_no_room_for_a_single_picture_is_told_to_its_sender(made, faulty):
    engine = made(faulty(room=0))
    with pytest.raises(OutOfMemory):
        engine.run(shade(1))


def test_a_lost_device_is_replaced_visibly_and_nothing_is_lost(made, faulty, arithmetic, noted, caplog):
    device = faulty(batch_limit=4, device="cuda", name="torch-cuda")
    engine = made(device, waiting=50, fallback=arithmetic, watcher=noted)
    assert said(engine.run(shade(1))) == 1
    assert (engine.backend.device, engine.problem) == ("cuda", "")
    with device.held():
        futures = together(engine, range(11))
        device.lost = True
    assert [said(future.result(SECONDS)) for future in futures] == list(range(11))
    assert engine.backend.device == "cpu"
    assert "lost" in engine.problem
    assert "lost" in caplog.text
    assert noted.changes == [("torch-cuda", "arithmetic")]


def test_a_lost_device_without_another_refuses_all_until_a_restart(made, faulty, noted):
    device = faulty(batch_limit=4, device="cuda")
    engine = made(device, waiting=50, watcher=noted)
    with device.held():
        futures = together(engine, range(9))
        device.lost = True
    for future in futures:
        with pytest.raises(DeviceLost):
            future.result(SECONDS)
    with pytest.raises(DeviceLost):
        engine.submit(shade(1))
    assert "lost" in engine.problem


def test_a_replacement_that_can_not_be_made_refuses_too(made, faulty):
    def nothing():
        raise OSError("no such file")

    device = faulty()
    engine = made(device, fallback=nothing)
    device.lost = True
    with pytest.raises(DeviceLost, match="no such file"):
        engine.run(shade(1))


def test_closing_answers_who_waits_and_refuses_who_comes(made, faulty):
    device = faulty()
    engine = made(device, waiting=9)
    with device.held():
        futures = together(engine, range(6))
        engine.stop()
        with pytest.raises(EngineClosed):
            engine.submit(shade(1))
    engine.close()
    assert [said(future.result(0)) for future in futures] == list(range(6))
    assert not engine._thread.is_alive()


def test_a_closed_engine_lets_the_network_go(arithmetic):
    device = arithmetic()
    gone = weakref.ref(device)
    engine = Engine(device)
    engine.run(shade(1))
    engine.close()
    del device, engine
    gc.collect()
    assert gone() is None


def test_a_gpu_waits_a_moment_for_company_and_a_cpu_does_not(made, faulty, noted):
    company = made(faulty(batch_limit=4, device="cuda"), waiting=9, gather_ms=SECONDS * 1000, watcher=noted)
    futures = together(company, range(4))
    assert len([future.result(SECONDS) for future in futures]) == 4
    assert noted.batches == [4], "four came before the time was over, and went together"
    alone = made(faulty(batch_limit=4), waiting=9, gather_ms=SECONDS * 1000 * 1000)
    assert said(alone.run(shade(7))) == 7


def test_threads_under_load_get_their_own_answers_or_a_refusal(made, arithmetic):
    engine = made(arithmetic(batch_limit=5), waiting=4)
    outcomes: list[tuple[int, int | None]] = []

    def ask(value):
        try:
            outcomes.append((value, said(engine.run(shade(value)))))
        except QueueFull:
            outcomes.append((value, None))

    threads = [threading.Thread(target=lambda t=t: [ask((t * 31 + i) % 256) for i in range(100)]) for t in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 800
    assert all(answer in (None, value) for value, answer in outcomes)
    assert any(answer is not None for _, answer in outcomes)


def test_an_engine_of_before_a_fork_says_so(made, arithmetic):
    engine = made(arithmetic())
    engine.run(shade(1))
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            engine.submit(shade(1))
        except EngineClosed as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as answer:
        assert "before the fork" in answer.read()
    assert said(engine.run(shade(2))) == 2


def test_times_and_batch_are_told(made, arithmetic):
    answer = made(arithmetic()).run(shade(1))
    assert answer.batch == 1
    assert answer.queue_ms >= 0
    assert answer.network_ms >= 0
