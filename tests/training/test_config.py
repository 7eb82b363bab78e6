import pytest

from training.config import ConfigError, FineTuneConfig, StarterConfig
from training.schedule import rate_factor


def test_an_unknown_setting_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"learning_rate.*rate"):
        FineTuneConfig.of({"learning_rate": 1})
    assert FineTuneConfig.of({"rate": 0.5}).rate == 0.5
    assert StarterConfig.of({}).as_dict()["seed"] == 0


@pytest.mark.parametrize("name", ["batch", "epochs", "minutes", "rate"])
def test_settings_that_make_no_run_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        FineTuneConfig.of({name: 0})


def test_the_rate_warms_up_and_cools_down() -> None:
    factors = [rate_factor(i / 100, 0.1) for i in range(101)]
    assert factors[10] == pytest.approx(1)
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0 < factors[-1] < 0.02


def test_a_size_no_network_takes_is_refused() -> None:
    for size in (-1, 8, 5000):
        with pytest.raises(ConfigError, match="size"):
            FineTuneConfig.of({"size": size})
    assert FineTuneConfig.of({"size": 320}).size == 320
