import pytest

from training import schedule
from training.schedule import ActiveClock, rate_factor


def test_a_pause_counts_little(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 101.0, 103.5, 5000.0, 5001.0])
    monkeypatch.setattr(schedule.time, "monotonic", lambda: next(times))
    clock = ActiveClock(elapsed=10.0)
    assert [clock.tick() for _ in range(4)] == pytest.approx([11.0, 13.5, 33.5, 34.5])


def test_the_rate_rises_and_falls() -> None:
    factors = [rate_factor(i / 100, 0.1) for i in range(101)]
    assert factors[0] < factors[5] < factors[10]
    assert factors[10] == max(factors) == pytest.approx(1.0)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0 < factors[100] < 0.02
