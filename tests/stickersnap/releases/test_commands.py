"""What an operator types."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from annotations.models import Correction, Photo
from segmentation import mask, networks
from segmentation import weights as sets
from stickersnap.releases import selectors, services
from stickersnap.releases.doctor import checkup
from stickersnap.releases.models import TrainingRun

pytestmark = pytest.mark.django_db
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def web():
    """A web server that answers /readyz as it is told."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answers.get("http", 200))
            self.end_headers()
            self.wfile.write(json.dumps(answers).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answers["url"] = f"http://127.0.0.1:{server.server_port}"
    yield answers
    server.shutdown()
    server.server_close()


def finding(subject, url=NOWHERE):
    return next(found for found in checkup.findings(url) if found.subject == subject)


def test_doctor_says_what_is_deployed_and_what_does_not_run(capsys):
    services.starter_deploy()
    call_command("doctor", "--url", NOWHERE)
    said = capsys.readouterr().out
    for part in ("PostgreSQL", networks.SHIPPED, "Nothing answers", "Not alive", "GB free"):
        assert part in said


def test_doctor_asks_where_the_service_says_that_it_is(web, settings, capsys):
    web.update(status="ok", weights=services.starter_deploy().weights_id, device="cpu")
    (settings.STATE / "up.json").write_text(json.dumps({"address": web["url"]}))
    call_command("doctor")
    assert web["url"] in capsys.readouterr().out


def test_doctor_fails_when_nothing_is_deployed(capsys):
    with pytest.raises(SystemExit) as stopped:
        call_command("doctor", "--url", NOWHERE)
    assert stopped.value.code == 1
    assert "deploy-starter" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_doctor_finds_damaged_weights(damage):
    file = services.weights_folder(services.starter_deploy().weights_id) / sets.WEIGHTS
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"!")
    assert finding("weights").health is checkup.Health.ILL


def test_doctor_fails_when_a_gpu_was_asked_for_and_is_not_used(settings, web):
    services.starter_deploy()
    web.update(status="ok", weights=selectors.deployment_current().weights_id, device="cpu")
    assert finding("device", web["url"]).health is checkup.Health.WELL
    settings.DEVICE = "cuda"
    assert finding("device", web["url"]).health is checkup.Health.ILL
    assert finding("device").health is checkup.Health.ILL
    web["device"] = "cuda"
    assert finding("device", web["url"]).health is checkup.Health.WELL
    web.update(device="cpu", lost="The torch-cuda device was lost; onnxruntime answers instead, more slowly.")
    lost = finding("device", web["url"])
    assert lost.health is checkup.Health.ILL
    assert "restart the web server" in lost.sentence


def test_doctor_compares_what_serves_with_what_is_deployed(web):
    deployment = services.starter_deploy()
    web.update(status="ok", weights=deployment.weights_id, device="cpu")
    assert finding("web", web["url"]).health is checkup.Health.WELL
    web["weights"] = "c" * 64
    assert finding("web", web["url"]).health is checkup.Health.ILL
    web.update(http=503, code="not_ready", detail="No weights.", status="")
    assert "No weights." in finding("web", web["url"]).sentence


def test_weights_are_deployed_and_listed(capsys):
    call_command("weights", "deploy-starter")
    call_command("weights", "list")
    assert f"* {selectors.deployment_current().weights_id} {networks.SHIPPED}" in capsys.readouterr().out


def test_rollback(finished_run, capsys):
    starter = services.starter_deploy()
    with pytest.raises(CommandError, match="No earlier weights"):
        call_command("rollback")
    services.promotion_decide(run=finished_run(), by="olga")
    call_command("rollback")
    assert starter.weights_id in capsys.readouterr().out


def test_retrain_can_be_handed_to_the_worker(capsys):
    services.starter_deploy()
    call_command("retrain", "--enqueue", "--minutes", "2")
    assert TrainingRun.objects.get().state == "queued"
    with pytest.raises(CommandError, match="under way"):
        call_command("retrain")


@pytest.mark.parametrize("wrong", [["--minutes", "0"], ["--minutes", "nan"], ["--epochs", "0"], ["--epochs", "-3"]])
def test_retrain_refuses_senseless_numbers(wrong):
    services.starter_deploy()
    with pytest.raises(CommandError, match="must be above 0"):
        call_command("retrain", *wrong)


@pytest.mark.django_db(transaction=True)
def test_retrain_in_the_foreground_says_why_it_failed(capsys):
    services.starter_deploy()
    with pytest.raises(CommandError, match="approve corrections"):
        call_command("retrain")
    assert TrainingRun.objects.get().state == "failed"
    assert "Freezing" in capsys.readouterr().out


@pytest.fixture
def plain_folder(tmp_path, cat, coffee, disc):
    for kind in ("images", "masks"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
    for name, picture in (("cat", cat), ("cup", coffee)):
        Image.fromarray(picture).save(tmp_path / "mine" / "images" / f"{name}.jpg")
        Image.fromarray(disc(*picture.shape[:2])).save(tmp_path / "mine" / "masks" / f"{name}.png")
    return tmp_path / "mine"


def test_masks_made_elsewhere_come_in_once(people, plain_folder, capsys):
    services.starter_deploy()
    for _ in range(2):
        call_command("import_corrections", str(plain_folder), "--operator", "olga")
    assert Photo.objects.count() == Correction.objects.count() == 2
    assert Photo.objects.filter(owner=people.olga.owner, consented_at__isnull=False).count() == 2
    assert {review.verdict for c in Correction.objects.all() for review in c.reviews.all()} == {"approve"}
    assert "2 of 2  cup.jpg  imported" in capsys.readouterr().out


def test_every_picture_is_told_of_and_what_cant_be_a_mask_is_never_approved(people, plain_folder, disc, capsys):
    services.starter_deploy()
    images, masks, alpha = plain_folder / "images", plain_folder / "masks", disc(400, 600)
    (masks / "cup.png").rename(masks / "cup.PNG")
    white = np.dstack([np.full((300, 451, 3), 255, np.uint8), disc(300, 451)])
    Image.fromarray(white).save(masks / "cat.png")
    for name in ("label", "alone"):
        (images / f"{name}.jpg").write_bytes((images / "cup.jpg").read_bytes() + name.encode())
    Image.fromarray((alpha > 127) * np.uint8(38)).save(masks / "label.png")
    Image.fromarray(alpha).save(masks / "extra.png")
    with pytest.raises(CommandError, match="3 of 5 were refused"):
        call_command("import_corrections", str(plain_folder), "--operator", "olga")
    told = capsys.readouterr().out
    assert "cat.jpg  imported" in told
    assert "cup.jpg  imported" in told
    assert "label.jpg  Nothing in this mask reaches one half" in told
    assert "alone.jpg  It is a picture without a mask" in told
    assert "masks/extra.png  It is a mask without a picture" in told
    assert Photo.objects.count() == 2
    kept = Correction.objects.get(photo__name="cat.jpg")
    assert np.array_equal(mask.decode_png(bytes(kept.mask)), disc(300, 451))


def test_imported_photos_are_cut_at_the_scale_of_uploaded_ones(people, plain_folder, client, coffee, monkeypatch):
    """The network sees the same pixels, whoever brings a photo, and however large it is."""
    services.starter_deploy()
    large = Image.fromarray(coffee).resize((2400, 1600))
    large.save(plain_folder / "images" / "cup.jpg")
    Image.new("L", (2400, 1600), 255).save(plain_folder / "masks" / "cup.png")
    call_command("import_corrections", str(plain_folder), "--operator", "olga")
    client.force_login(people.alice)
    with (plain_folder / "images" / "cup.jpg").open("rb") as file:
        assert client.post("/api/v1/photos/", {"image": file}).status_code == 201
    imported, uploaded = Photo.objects.filter(name="cup.jpg").order_by("created_at")
    first, second = imported.predictions.get(), uploaded.predictions.get()
    assert bytes(first.mask) == bytes(second.mask)
    assert first.uncertainty == second.uncertainty


def test_a_changed_mask_is_a_new_version_that_is_approved_too(people, plain_folder, disc):
    services.starter_deploy()
    call_command("import_corrections", str(plain_folder), "--operator", "olga")
    Image.fromarray(disc(300, 451, 0.2)).save(plain_folder / "masks" / "cat.png")
    call_command("import_corrections", str(plain_folder), "--operator", "olga")
    changed = Correction.objects.get(version=2)
    assert changed.reviews.filter(version=2, verdict="approve").exists()


def test_a_mask_of_another_size_is_refused_and_the_others_come_in(people, plain_folder, capsys):
    services.starter_deploy()
    Image.fromarray(np.full((10, 10), 255, np.uint8)).save(plain_folder / "masks" / "cat.png")
    with pytest.raises(CommandError, match="1 of 2 were refused"):
        call_command("import_corrections", str(plain_folder), "--operator", "olga")
    assert [photo.name for photo in Photo.objects.filter(corrections__isnull=False)] == ["cup.jpg"]


def test_only_operators_import_and_only_what_is_there(people, tmp_path, plain_folder):
    with pytest.raises(CommandError, match="rita is no operator"):
        call_command("import_corrections", str(plain_folder), "--operator", "rita")
    with pytest.raises(CommandError, match="holds no images"):
        call_command("import_corrections", str(tmp_path / "nothing"), "--operator", "olga")
