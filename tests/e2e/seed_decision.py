"""Leaves what a run that the gate refused leaves: photos, weights, curves, a signed decision, its pictures.

Run beside the service by tests of the operator's pages, in its environment. Prints the decision's number; with
`--away` it takes the photos away again, which nobody cut and no queue could show.
"""

import hashlib
import shutil
import sys
import uuid
from datetime import timedelta

import django

django.setup()

import torch  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402
from skimage import data  # noqa: E402

from annotations.models import DatasetItem, DatasetVersion, GroupSplit, Photo, PhotoSplit  # noqa: E402
from segmentation import picture as pictures  # noqa: E402
from segmentation import saving  # noqa: E402
from segmentation import weights as sets  # noqa: E402
from stickersnap.releases import selectors, services  # noqa: E402
from stickersnap.releases.gate import gate  # noqa: E402
from stickersnap.releases.gate.decisions import decision_record  # noqa: E402
from stickersnap.releases.models import TrainingRun  # noqa: E402
from training.evaluation.samples import row  # noqa: E402

COUNT = 8
NUMBER = 901  # of its dataset version


def photo_of(place: int) -> Photo:
    rgb = data.chelsea()[: 220 + place, : 300 + place]
    image = pictures.encode_png(rgb)
    sha256 = hashlib.sha256(image).hexdigest()
    return Photo.objects.create(
        owner=uuid.uuid4(),
        name=f"cat-{place}.png",
        image=image,
        media_type="image/png",
        sha256=sha256,
        upload_sha256=sha256,
        width=rgb.shape[1],
        height=rgb.shape[0],
        phash=place,
        group=uuid.uuid4(),
        consented_at=timezone.now(),
    )


def next_token() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('releases_run_token')")
        return int(cursor.fetchone()[0])


def main() -> int:
    champion = selectors.deployment_current().weights
    photos = [photo_of(place) for place in range(COUNT)]
    dataset = DatasetVersion.objects.create(number=NUMBER, digest=f"{NUMBER:064x}", dvc_text="outs: []\n")
    for photo in photos:
        GroupSplit.objects.create(group=photo.group, split="holdout")
        PhotoSplit.objects.create(photo=photo.id, group=photo.group, split="holdout")
        DatasetItem.objects.create(
            dataset=dataset,
            photo=photo.id,
            correction=uuid.uuid4(),
            correction_version=1,
            image_sha256=photo.sha256,
            mask_sha256=photo.sha256,
            group=photo.group,
            split="holdout",
            source="corrections",
        )
    now = timezone.now()
    run = TrainingRun.objects.create(
        state="deciding",
        network=champion.network,
        minutes=20,
        requested_by="olga",
        champion=champion,
        base=champion,
        dataset=dataset,
        token=next_token(),
        lease_expires_at=now + timedelta(hours=1),  # or the worker takes it up
        started_at=now,
        metrics=[{"epoch": epoch, "train_loss": 2 / epoch, "val_iou": 1 - 0.3 / epoch} for epoch in range(1, 7)],
    )
    folder = services.run_folder(run)
    loaded = sets.load(sets.starter_folder())
    next(iter(loaded.network.parameters())).data *= 1.001
    with torch.no_grad():
        saving.save(
            folder / "weights", loaded.network, {"network": loaded.card["network"], "size": loaded.card["size"]}
        )
    challenger = services.weights_register(folder=folder / "weights")
    decision = decide(run, challenger, photos)
    run.state, run.finished_at, run.message = "refused", timezone.now(), decision.reason
    run.save(update_fields=["state", "finished_at", "message"])
    shutil.rmtree(folder / "weights")
    return int(decision.id)


def decide(run, challenger, photos):
    images, drawn = [], []
    folder = services.run_folder(run) / "evidence"
    folder.mkdir()
    for place, photo in enumerate(photos):
        before, after = 0.8, 0.7 + 0.03 * place
        images.append(
            {
                "image_sha256": photo.sha256,
                "group": str(photo.group),
                "source": "corrections",
                "slices": ["source: corrections", "light: dark" if place % 2 else "size: medium"],
                "champion_iou": before,
                "challenger_iou": after,
                "champion_boundary_f": before,
                "challenger_boundary_f": after,
            }
        )
        rgb = pictures.decode(bytes(photo.image)).rgb
        mask = ((rgb.mean(2) > 90) * 255).astype("uint8")
        name = f"worst-{place + 1}.webp" if after < before else f"best-{place + 1}.webp"
        row([rgb, mask, mask, 255 - mask]).save(folder / name, quality=80)
        drawn.append({"name": name, "image_sha256": photo.sha256, "gain": after - before})
    names = {"champion": run.champion_id, "challenger": challenger.sha256}
    evaluation = {
        **{name: {"sha256": sha256, "mean_iou": 0.8, "latency_ms": 40.0} for name, sha256 in names.items()},
        "images": images,
        "heldout": len(images),
        "evidence": drawn,
    }
    verdict = gate.decide(evaluation, gate.Facts(deployed=run.champion_id), gate.Rules(heldout_minimum=COUNT))
    assert not verdict.passed
    with transaction.atomic():
        return decision_record(
            kind="gate",
            champion=run.champion,
            challenger=challenger,
            passed=False,
            reason=verdict.reason,
            evidence=verdict.evidence,
            run=run,
            token=run.token,
        )


def away() -> None:
    Photo.objects.filter(id__in=DatasetItem.objects.filter(dataset=NUMBER).values("photo")).delete()


if __name__ == "__main__":
    print(away() if "--away" in sys.argv else main())
