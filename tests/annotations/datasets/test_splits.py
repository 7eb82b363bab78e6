"""Splits: decided once, for owners and near-duplicates, and held by PostgreSQL."""

import random
import uuid
from collections import defaultdict
from importlib import import_module

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction

from annotations import fingerprints, services
from annotations.datasets import history, splits, versions
from annotations.models import (
    DatasetItem,
    DatasetVersion,
    GroupSplit,
    LeftOut,
    OwnerSplit,
    Photo,
    PhotoSplit,
)

pytestmark = pytest.mark.django_db
MIRROR = fingerprints.MIRROR


def bits(value: int) -> int:
    return value % (1 << 64)


def split_of(version: DatasetVersion) -> dict[uuid.UUID, str]:
    return dict(version.items.values_list("photo", "split"))


def near(a: int, b: int) -> bool:
    direct, mirrored = (bits(a) ^ bits(b)).bit_count(), (bits(a) ^ bits(b) ^ MIRROR).bit_count()
    return min(direct, mirrored) <= fingerprints.NEAR


def test_a_whole_owner_is_on_one_side_and_stays_there(contribute, settings, freeze):
    settings.SPLIT_OWNERS_MINIMUM = 2
    names = [uuid.uuid4() for _ in range(20)]
    for _ in range(4):
        for name in names:
            contribute(name, random.getrandbits(64))
    first = freeze()
    sides = defaultdict(set)
    for photo in Photo.objects.all():
        sides[photo.owner].add(split_of(first)[photo.id])
    assert all(len(side) == 1 for side in sides.values())
    assert sorted(next(iter(side)) for side in sides.values()).count("holdout") == 4
    later = contribute(names[0], random.getrandbits(64))
    assert {split_of(freeze())[later.id]} == sides[names[0]]


def test_one_person_alone_can_be_learned_from_and_stays_split_by_picture(contribute, settings, freeze):
    alone = uuid.uuid4()
    first = {contribute(alone, random.getrandbits(64)).id for _ in range(60)}
    version = split_of(freeze())
    assert set(version) == first
    assert set(version.values()) == {"train", "holdout"}
    settings.SPLIT_OWNERS_MINIMUM = 1
    newcomers = [contribute(uuid.uuid4(), random.getrandbits(64)) for _ in range(3)]
    for _ in range(20):
        contribute(alone, random.getrandbits(64))
    second = split_of(freeze())
    assert {photo: second[photo] for photo in first} == version
    assert OwnerSplit.objects.filter(owner=alone).count() == 2
    assert OwnerSplit.objects.filter(owner__in=[p.owner for p in newcomers], whole=True).count() == 3


@pytest.fixture
def two_sides(contribute, settings, freeze):
    """Twenty people who are each on one side: photos of one who trains and of one who is held out."""
    settings.SPLIT_OWNERS_MINIMUM = 2
    photos = [contribute(uuid.uuid4(), random.getrandbits(64)) for _ in range(20)]
    version = split_of(freeze())
    by_side = {split: photo for photo in photos for split in [version[photo.id]]}
    return by_side["train"], by_side["holdout"]


@pytest.mark.parametrize("turn", [0, MIRROR], ids=["alike", "mirrored"])
def test_a_photo_tied_to_both_sides_is_left_out_of_both_and_named(contribute, two_sides, turn, freeze):
    trained, held = two_sides
    between = contribute(held.owner, bits(trained.phash) ^ turn ^ 0b101)
    version = freeze()
    assert between.id not in split_of(version)
    assert {trained.id, held.id} <= set(split_of(version))
    assert list(LeftOut.objects.values_list("photo", "why")) == [(between.id, "both sides")]
    assert versions.corrections_new() == 0


def test_what_resembles_a_deleted_photo_is_on_its_side(contribute, two_sides, freeze):
    trained, held = two_sides
    phash = trained.phash
    services.photo_delete(photo=trained)
    again = contribute(held.owner, bits(phash) ^ MIRROR ^ 1)
    assert again.group == trained.group
    newcomer = contribute(uuid.uuid4(), bits(phash) ^ 0b11)
    version = split_of(freeze())
    assert again.id not in version
    assert version.get(newcomer.id, "train") == "train"


def test_who_turns_out_to_be_on_both_sides_is_trained_on_and_judges_no_more(contribute, two_sides, freeze):
    trained, held = two_sides
    services.owner_replace(old=trained.owner, new=held.owner)
    new = contribute(held.owner, random.getrandbits(64))
    version = freeze()
    split = split_of(version)
    assert (split[trained.id], split[new.id]) == ("train", "train")
    assert held.id not in split
    (out,) = version.left_out.all()
    assert (out.photo, out.why) == (held.id, "both sides")
    assert "judge" in out.reason
    assert PhotoSplit.objects.get(photo=new.id).owner == trained.owner
    assert set(history.photos_named(held.owner, owner=True)) == {trained.id, held.id, new.id}


def test_a_newcomer_goes_where_the_fewest_of_their_photos_are_lost(contribute, two_sides, freeze):
    trained, held = two_sides
    like_held = contribute(uuid.uuid4(), bits(held.phash) ^ 0b110)
    like_trained = contribute(uuid.uuid4(), bits(trained.phash) ^ MIRROR ^ 0b110)
    for _ in range(3):
        contribute(uuid.uuid4(), random.getrandbits(64))
    version = split_of(freeze())
    assert (version[like_held.id], version[like_trained.id]) == ("holdout", "train")
    assert len(version) == 25


def test_newcomers_who_share_a_picture_are_on_one_side(contribute, settings, freeze):
    settings.SPLIT_OWNERS_MINIMUM = 2
    for _ in range(40):
        contribute(uuid.uuid4(), random.getrandbits(64))
    for _ in range(10):
        phash = random.getrandbits(64)
        for name in (uuid.uuid4(), uuid.uuid4()):
            contribute(name, phash)
    assert len(split_of(freeze())) == 60


def test_a_picture_that_everybody_has_ties_nobody_to_anybody(contribute, settings, freeze):
    settings.SPLIT_OWNERS_MINIMUM = 2
    phash = random.getrandbits(64)
    for name in [uuid.uuid4() for _ in range(20)]:
        for value in (phash, random.getrandbits(64), random.getrandbits(64)):
            contribute(name, value)
    version = split_of(freeze())
    assert list(version.values()).count("holdout") == 8
    assert len(version) == 56  # the four who are held out lose that picture, and nothing else


def test_who_is_split_by_picture_stays_so_under_another_name(contribute, two_sides, freeze):
    _, held = two_sides
    by_picture = uuid.uuid4()
    splits.owner_by_group(by_picture)
    services.owner_replace(old=by_picture, new=held.owner)
    new = {contribute(held.owner, random.getrandbits(64)).id for _ in range(60)}
    version = split_of(freeze())
    assert version[held.id] == "holdout"
    assert {version[photo] for photo in new} == {"train", "holdout"}


def test_a_session_that_logs_in_keeps_its_side(contribute, two_sides, freeze):
    _, held = two_sides
    person = uuid.uuid4()
    services.owner_replace(old=held.owner, new=person)
    new = contribute(person, random.getrandbits(64))
    version = split_of(freeze())
    assert (version[held.id], version[new.id]) == ("holdout", "holdout")


def test_an_uncorrected_photo_is_learned_from_without_a_mask_unless_it_is_held_out(
    contribute, two_sides, settings, freeze
):
    trained, held = two_sides
    mine, theirs = (contribute(photo.owner, random.getrandbits(64), corrected=False) for photo in two_sides)
    like_held = contribute(trained.owner, bits(held.phash) ^ 1, corrected=False)
    version = split_of(freeze())
    assert version[mine.id] == "unlabelled"
    assert theirs.id not in version
    assert like_held.id not in version
    assert PhotoSplit.objects.get(photo=mine.id).split == "train"
    settings.UNLABELLED_LIMIT = 0
    assert mine.id not in split_of(freeze())
    contribute.correct(mine)
    assert split_of(freeze())[mine.id] == "train"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE annotations_photosplit SET split = 'holdout' WHERE split = 'train'",
        "UPDATE annotations_groupsplit SET split = 'holdout' WHERE split = 'train'",
        "UPDATE annotations_ownersplit SET split = 'holdout' WHERE split = 'train'",
        "DELETE FROM annotations_photosplit WHERE photo NOT IN (SELECT photo FROM annotations_datasetitem)",
        "DELETE FROM annotations_ownersplit WHERE split = 'holdout'",
        "INSERT INTO annotations_ownersplit (owner, split, whole, decided_at) SELECT owner, "
        "CASE split WHEN 'train' THEN 'holdout' ELSE 'train' END, false, now() FROM annotations_ownersplit LIMIT 1",
        "UPDATE annotations_datasetitem SET split = 'holdout' WHERE split = 'train'",
        'INSERT INTO annotations_photosplit (photo, split, owner, "group", decided_at) SELECT gen_random_uuid(), '
        "'holdout', NULL, \"group\", now() FROM annotations_groupsplit WHERE split = 'train' LIMIT 1",
        "INSERT INTO annotations_datasetitem (dataset_id, photo, correction, correction_version, image_sha256, "
        "mask_sha256, \"group\", split, source, weight) SELECT 1, photo, gen_random_uuid(), 1, '', '', \"group\", "
        "'holdout', '', 1 FROM annotations_photosplit WHERE split = 'train' LIMIT 1",
    ],
)
def test_no_sql_typed_by_hand_moves_anything_to_the_other_side(contribute, two_sides, sql, freeze):
    contribute(two_sides[0].owner, 0, corrected=False)
    freeze()
    PhotoSplit.objects.create(photo=uuid.uuid4(), split="train", group=two_sides[0].group, owner=two_sides[0].owner)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_versions_from_before_keep_their_sides(contribute, people):
    law = import_module("annotations.migrations.0006_split_law")
    photo = contribute(people.alice.owner, 5)
    gone = uuid.uuid4()
    DatasetVersion.objects.create(number=1, digest="d" * 64, dvc_text="outs: []\n")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(law.AND_BACK)
        for i, (identity, split) in enumerate(((photo.id, "holdout"), (gone, "train"))):
            group = photo.group if i == 0 else gone
            DatasetItem.objects.create(
                dataset_id=1, photo=identity, correction=uuid.uuid4(), correction_version=1, group=group, split=split
            )
        cursor.execute(law.WHAT_WAS_DECIDED_BEFORE)
        cursor.execute(law.HELD_TO_IT)
    assert set(PhotoSplit.objects.values_list("photo", "split", "owner", "phash")) == {
        (photo.id, "holdout", people.alice.owner, 5),
        (gone, "train", None, None),
    }
    assert GroupSplit.objects.count() == 2
    assert set(OwnerSplit.objects.values_list("owner", "split", "whole")) == {
        (people.alice.owner, "train", False),
        (people.alice.owner, "holdout", False),
    }


def test_ten_thousand_photos_are_compared_by_numpy_and_exactly():
    generator = np.random.default_rng(3)
    hashes = [int(value) for value in generator.integers(0, 2**63, 10_000)]
    near_ones = fingerprints.Near()
    for value in hashes:
        near_ones.add(fingerprints.signed(value), (), "train")
    for value in hashes[:50]:
        assert near_ones.sides(fingerprints.signed(value ^ 0b10101), ()) == {"train"}
        assert near_ones.sides(fingerprints.signed(value ^ MIRROR ^ 1), ()) == {"train"}
    for value in (int(v) for v in generator.integers(0, 2**63, 50)):
        assert near_ones.sides(value, ()) == ({"train"} if any(near(value, h) for h in hashes) else set())


def test_mirroring_a_picture_turns_over_the_bits_it_should(cat, coffee):
    for picture in (cat, coffee, cat[:, 40:260], coffee[50:, 100:]):
        plain, mirrored, *_ = fingerprints.phashes(picture)
        assert (bits(plain) ^ bits(mirrored) ^ MIRROR).bit_count() <= fingerprints.NEAR_MIRRORED
