import numpy as np
import pytest

from training.config import FineTuneConfig
from training.data.batches import batches, order, planned_epochs, shares
from training.data.dataset import Pair
from training.parallel import World


def pairs(kind: str, count: int) -> list[Pair]:
    return [Pair(f"{kind}{i}", kind, f"{kind}{i}", None, None) for i in range(count)]  # type: ignore[arg-type]


def test_replay_shares_each_batch() -> None:
    config = FineTuneConfig.of({"batch": 6})
    drawn = batches(config, pairs("own", 10), pairs("old", 50), epoch=2)
    assert len(drawn) == 4
    assert all([p.source for p in group].count("own") == 3 and len(group) == 6 for group in drawn)
    assert drawn == batches(config, pairs("own", 10), pairs("old", 50), epoch=2)
    alone = batches(config, pairs("own", 10), [], epoch=0)
    assert {p.name for group in alone for p in group} == {f"own{i}" for i in range(10)}


def test_what_a_teacher_saw_takes_the_place_of_replay_or_half_of_it() -> None:
    config = FineTuneConfig.of({"batch": 12})
    for replay, taught, expected in ((0, 9, (4, 0, 8)), (9, 0, (6, 6, 0)), (9, 9, (5, 3, 4))):
        for group in batches(config, pairs("own", 30), pairs("old", replay), 1, pairs("taught", taught)):
            kinds = [p.source for p in group]
            assert tuple(kinds.count(kind) for kind in ("own", "old", "taught")) == expected


def test_at_least_one_picture_of_a_batch_is_own() -> None:
    assert shares(2, 0.9, 0.0) == (1, 1, 0)
    assert shares(1, 0.5, 0.5) == (1, 0, 0)
    assert shares(8, 0.0, 0.0) == (8, 0, 0)


def test_a_pair_is_drawn_as_often_as_its_weight_asks() -> None:
    weighted = [Pair(str(w), "s", str(w), None, None, w) for w in (1.0, 2.0, 5.0)]  # type: ignore[arg-type]
    names = [p.name for p in order(np.random.default_rng(0), weighted, 80)]
    assert [names.count(n) for n in ("1.0", "2.0", "5.0")] == pytest.approx([10, 20, 50], abs=1)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_parts_of_all_processes_are_every_picture_mixed_alike(processes: int) -> None:
    config = FineTuneConfig.of({"batch": 4})
    groups = batches(config, pairs("own", 23), pairs("old", 40), 0, processes=processes)
    parts = [[list(World(rank, processes).share(group)) for group in groups] for rank in range(processes)]
    seen = {p.name for part in parts for group in part for p in group if p.source == "own"}
    assert seen == {f"own{i}" for i in range(23)}
    assert all(len(group) == 4 for part in parts for group in part)
    assert all(1 <= [p.source for p in group].count("own") <= 3 for part in parts for group in part)


def test_several_processes_see_what_one_with_the_larger_batch_sees() -> None:
    one = batches(FineTuneConfig.of({"batch": 8}), pairs("own", 20), pairs("old", 9), 3)
    assert one == batches(FineTuneConfig.of({"batch": 4}), pairs("own", 20), pairs("old", 9), 3, processes=2)


def test_few_pictures_are_seen_in_many_epochs_and_many_in_two() -> None:
    config = FineTuneConfig(steps=64, epochs=20, batch=8)
    assert planned_epochs(config, 10, replay=False, taught=True) == 16
    assert planned_epochs(config, 200, replay=False, taught=True) == 2
    assert planned_epochs(config, 9000, replay=True, taught=False) == 2
    assert planned_epochs(FineTuneConfig(epochs=1), 10, replay=False, taught=False) == 1
    own, taught = pairs("own", 10), pairs("taught", 5)
    assert len(batches(config, own, [], 0, taught)) == 4
