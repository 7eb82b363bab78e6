"""A published client of remove.bg's API, of which the host's name alone is changed."""

import io

import pytest
from PIL import Image

client_module = pytest.importorskip("remove_bg_api", reason="remove-bg-api is not installed: pip install -e .[dev]")


@pytest.fixture
def published(live_server, monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)
    monkeypatch.setattr(client_module, "API_URL", f"{live_server.url}/v1.0")
    return client_module.RemoveBg("a-key")


def test_it_reads_its_account_and_gets_its_picture(published, as_png, cat, tmp_path):
    photo = tmp_path / "cat.png"
    photo.write_bytes(as_png(cat))
    assert published.account.balance() == 0
    made = Image.open(io.BytesIO(published.remove_bg_file(str(photo))))
    assert (made.mode, made.size) == ("RGBA", (451, 300))
    out = published.remove_bg_file(str(photo), str(tmp_path / "out.jpg"), raw=False, data={"bg_color": "fff"})
    assert Image.open(out).format == "JPEG"
    assert published.account.balance() == 0


def test_it_knows_our_refusals(published):
    with pytest.raises(client_module.Errors.ApiErrorCode400):
        published.remove_bg_bytes(b"no picture")
    with pytest.raises(client_module.Errors.ApiErrorCode400):
        published.remove_bg_url("http://127.0.0.1:1/cat.png")
