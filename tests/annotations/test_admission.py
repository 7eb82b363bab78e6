"""Places: so many at once, the others in line or refused."""

import threading
import time
from contextlib import contextmanager, nullcontext

import pytest

from annotations import admission
from annotations.exceptions import Busy

SECONDS = 30


@pytest.fixture
def two(settings):
    settings.SEATS = 2
    return admission.Places("SEATS")


def test_so_many_and_no_more(two):
    with two.place(), two.place():
        assert two.full()
        with pytest.raises(Busy):
            two.place().__enter__()
    assert not two.full()
    with two.place():
        assert two.taken == 1


def test_a_place_is_free_again_after_an_error(two):
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), two.place():
            raise ZeroDivisionError
    assert two.taken == 0


def test_who_waits_is_let_in_first_come_first(two):
    order: list[int] = []

    def enter(number):
        with two.place(SECONDS):
            order.append(number)

    with two.place():
        with two.place():
            waiting = []
            for number in range(6):
                waiting.append(threading.Thread(target=enter, args=(number,)))
                waiting[-1].start()
                deadline = time.monotonic() + SECONDS
                while len(two._line) <= number and time.monotonic() < deadline:
                    time.sleep(0.001)
            with pytest.raises(Busy):
                two.place().__enter__()
        for thread in waiting:
            thread.join(SECONDS)
    assert order == list(range(6))
    assert two.taken == 0


def test_patience_ends(two):
    with two.place(), two.place(), pytest.raises(Busy):
        two.place(0.02).__enter__()
    assert not two._line


def test_a_photo_keeps_its_place_while_it_waits_its_turn(settings):
    settings.PHOTOS_AT_WORK, settings.PHOTOS_AT_ONCE = 3, 1
    inside, timed, go = [], [], threading.Event()

    @contextmanager
    def stage(name):
        yield
        timed.append(name)

    def work():
        with admission.photo(stage):
            inside.append(1)
            go.wait(SECONDS)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS
    while not (admission.photos.full() and inside) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(inside) == 1, "one has its turn"
    with pytest.raises(Busy), admission.photo(stage):
        pass
    go.set()
    for thread in threads:
        thread.join(SECONDS)
    assert len(inside) == 3
    assert timed == ["queue"] * 3
    assert (admission.photos.taken, admission.turns.taken) == (0, 0)


def test_a_line_has_an_end(two, settings):
    settings.IN_LINE_AT_MOST = 0
    with pytest.raises(Busy):
        two.place(SECONDS).__enter__()


def test_a_large_photo_gives_up_its_turn_while_another_is_at_work(settings):
    settings.PHOTOS_AT_WORK, settings.PHOTOS_AT_ONCE, settings.LARGE_AT_ONCE = 3, 1, 1
    done = threading.Event()

    def work():
        with admission.photo(lambda name: nullcontext()) as sized:
            sized(admission.LARGE_PIXELS + 1)
            done.set()

    with admission.large.place():
        second = threading.Thread(target=work)
        second.start()
        deadline = time.monotonic() + SECONDS
        while not admission.large._line and time.monotonic() < deadline:
            time.sleep(0.001)
        assert (admission.large.taken, admission.turns.taken) == (1, 0), "it waits, and holds nobody else up"
        with admission.photo(lambda name: nullcontext()) as sized:
            sized(admission.LARGE_PIXELS)
        assert not done.is_set()
    second.join(SECONDS)
    assert done.is_set()
    assert (admission.photos.taken, admission.turns.taken, admission.large.taken) == (0, 0, 0)


def test_what_is_made_of_a_large_photo_is_made_one_at_a_time(monkeypatch):
    monkeypatch.setattr(admission, "PATIENCE", 0.0)
    with admission.made_of(admission.LARGE_PIXELS + 1):
        with admission.made_of(admission.LARGE_PIXELS):
            pass
        with pytest.raises(Busy):
            admission.made_of(admission.LARGE_PIXELS + 1).__enter__()
