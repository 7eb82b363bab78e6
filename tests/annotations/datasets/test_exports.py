"""Corrections written for others to read."""

import json
import uuid

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from PIL import Image
from pycocotools.coco import COCO

from annotations import services
from annotations.datasets.exports import corrections_export
from annotations.models import Correction
from stickersnap.releases.imports import corrections_import

pytestmark = pytest.mark.django_db
ALICE = uuid.uuid4()


@pytest.fixture
def approved(photo_of, submit, people):
    def make(picture, alpha, name):
        photo = photo_of(ALICE, picture, name=name, consented_at=timezone.now())
        correction, _ = submit(photo, ALICE, alpha)
        services.correction_approve(correction=correction, version=1, reviewer=people.rita)
        return correction

    return make


def test_the_folder_is_read_by_coco_and_by_our_own_import(
    approved, submit, photo_of, cat, coffee, people, tmp_path, starter, monkeypatch
):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)
    soft = np.random.default_rng(3).integers(0, 256, cat.shape[:2], dtype=np.uint8)
    approved(cat, soft, "cat.jpg")
    approved(cat[:, ::-1].copy(), soft[::-1].copy(), "Cat.png")
    submit(photo_of(ALICE, coffee, name="private.png"), ALICE, np.full(coffee.shape[:2], 255, np.uint8))
    folder = tmp_path / "out"
    call_command("export_corrections", str(folder))

    assert {path.name for path in (folder / "images").iterdir()} == {"cat.png", "Cat-2.png"}
    assert np.array_equal(np.asarray(Image.open(folder / "masks" / "cat.png")), soft)
    coco = COCO(str(folder / "annotations.json"))
    [image] = [image for image in coco.imgs.values() if image["file_name"] == "cat.png"]
    [annotation] = coco.imgToAnns[image["id"]]
    assert np.array_equal(coco.annToMask(annotation), soft >= 128)
    assert annotation["area"] == (soft >= 128).sum()

    assert [told.said for told in corrections_import(folder=folder, operator=people.olga)] == ["imported"] * 2
    back = Correction.objects.filter(author=people.olga.owner)
    originals = Correction.objects.filter(author=ALICE, photo__name__in=["cat.jpg", "Cat.png"])
    assert {c.mask_sha256 for c in back} == {c.mask_sha256 for c in originals}


def test_a_folder_with_something_in_it_is_left_alone(approved, cat, fill, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CommandError, match="not empty"):
        call_command("export_corrections", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_approved_is_said(db, tmp_path):
    with pytest.raises(CommandError, match="nothing to export"):
        call_command("export_corrections", str(tmp_path / "out"))
    assert not (tmp_path / "out" / "annotations.json").exists()


def test_the_document_has_what_leads_back(approved, cat, fill, disc, tmp_path):
    correction = approved(cat, disc(*cat.shape[:2]), "cat.jpg")
    call_command("export_corrections", str(tmp_path / "out"))
    [annotation] = json.loads((tmp_path / "out" / "annotations.json").read_text())["annotations"]
    assert annotation["correction"] == str(correction.id)
    assert annotation["weights"] == "d" * 64


def test_long_names_of_wide_letters_stop_nobodys_export(approved, cat, fill, people, tmp_path):
    alpha = np.full(cat.shape[:2], 255, np.uint8)
    for letter in ("写", "写", "🐈"):
        approved(cat, alpha, letter * 116 + ".png")
    folder = tmp_path / "out"
    call_command("export_corrections", str(folder))
    written = sorted((folder / "images").iterdir())
    assert len(written) == len(json.loads((folder / "annotations.json").read_text())["images"]) == 3
    assert {path.stem for path in written} == {path.stem for path in (folder / "masks").iterdir()}


def test_a_photo_deleted_meanwhile_is_left_out_of_the_export(approved, cat, coffee, people, tmp_path):
    approved(cat, np.full(cat.shape[:2], 255, np.uint8), "cat.png")
    gone = approved(coffee, np.full(coffee.shape[:2], 255, np.uint8), "cup.png")
    export = corrections_export(folder=tmp_path / "out")
    assert next(export) == "cat.png"
    services.photo_delete(photo=gone.photo)
    assert list(export) == []
    assert len(json.loads((tmp_path / "out" / "annotations.json").read_text())["images"]) == 1
