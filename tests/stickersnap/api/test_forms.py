"""Every form in which a client may send a file, and ask for one."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

pytestmark = pytest.mark.django_db

DOORS = {"/": ("data", 200), "/api/v1/photos/": ("image", 201)}
WISHES = ["image/png", "nonsense"]


@pytest.fixture(autouse=True)
def served(monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)


@pytest.fixture
def photo(cat) -> bytes:
    out = io.BytesIO()
    Image.fromarray(cat).save(out, "JPEG")
    return out.getvalue()


def form(
    photo: bytes, field: str, *, head: str = "Content-Type: image/jpeg\r\n", name: str = 'filename="a.jpg"'
) -> bytes:
    lines = f'--b\r\nContent-Disposition: form-data; name="{field}"; {name}\r\n{head}\r\n'
    return lines.encode() + photo + b"\r\n--b--\r\n"


@pytest.mark.parametrize("address", DOORS)
@pytest.mark.parametrize("wish", WISHES)
def test_what_a_client_would_like_to_have_is_no_reason_to_refuse(client, photo, address, wish):
    field, status = DOORS[address]
    answer = client.post(address, {field: SimpleUploadedFile("a.jpg", photo)}, headers={"Accept": wish})
    assert answer.status_code == status
    assert answer["Content-Type"] == {200: "image/png", 201: "application/json"}[status]


def test_pictures_are_given_to_who_asks_for_pictures(client, photo):
    made = client.post("/api/v1/photos/", {"image": SimpleUploadedFile("a.jpg", photo)}).json()
    sticker = client.post("/api/v1/stickers/", {"photo": made["id"]}, content_type="application/json").json()
    prediction = f"/api/v1/predictions/{made['prediction']['id']}/"
    for address in (made["image_url"], prediction + "mask.png", prediction + "cutout.png", sticker["file_url"]):
        for wish in (*WISHES, "image/webp", "image/*", "application/octet-stream", "text/html,*/*;q=0.1", ""):
            answer = client.get(address, headers={"Accept": wish})
            assert answer.status_code == 200, (address, wish)
            assert answer["Content-Type"].startswith("image/")
        head = client.head(address, headers={"Accept": "image/png"})
        assert (head.status_code, head["Content-Type"]) == (200, answer["Content-Type"])


def test_an_error_is_json_whatever_was_asked_for(client):
    answer = client.post("/", {"data": "no file"}, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (400, "empty_upload")


@pytest.mark.parametrize("address", DOORS)
@pytest.mark.parametrize("kind", ["image/x-unknown", "application/octet-stream"])
def test_a_body_that_is_the_photo_itself(client, photo, address, kind):
    assert client.post(address, photo, content_type=kind).status_code == DOORS[address][1]


@pytest.mark.parametrize("address", ["/"])
@pytest.mark.parametrize("head", ["", "Content-Type: text/plain\r\n"])
@pytest.mark.parametrize(
    "name", ['filename="a.jpg"', "filename=a.jpg", "filename*=UTF-8''%C3%A4.jpg", 'filename="../../a"']
)
def test_a_form_says_of_its_file_what_it_likes(client, photo, address, head, name):
    field, status = DOORS[address]
    body = form(photo, field, head=head, name=name)
    assert client.post(address, body, content_type='Multipart/Form-Data; boundary="b"').status_code == status


OTHER_FORMS = {
    "another field": (form(b"photo", "picture"), "multipart/form-data; boundary=b", 400),
    "no boundary": (form(b"photo", "data"), "multipart/form-data", 400),
    "another boundary": (form(b"photo", "data"), "multipart/form-data; boundary=c", 400),
    "form fields": (b"data=photo", "application/x-www-form-urlencoded", 415),
    "JSON": (b'{"data": "/9j/4AAQ"}', "application/json", 415),
    "text": (b"photo", "text/plain", 415),
    "no type": (b"photo", "", 415),
    "nothing": (b"", "image/jpeg", 400),
}


@pytest.mark.parametrize("address", DOORS)
@pytest.mark.parametrize("name", OTHER_FORMS)
def test_what_is_not_read_is_refused_in_words(client, address, name):
    body, kind, status = OTHER_FORMS[name]
    answer = client.generic("POST", address, body, content_type=kind)
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "detail"}


@pytest.mark.parametrize("address", DOORS)
def test_a_raw_photo_has_the_same_limit(client, address):
    answer = client.post(address, b"\xff\xd8\xff" + bytes(20 * 1024 * 1024), content_type="image/jpeg")
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


def test_a_packed_body_is_refused_and_so_is_one_of_unknown_length(client, photo):
    packed = client.post("/", photo, content_type="image/jpeg", headers={"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.json()["code"]) == (415, "unsupported_media_type")
    # The door gives chunked bodies a length; a server without it must not have them taken for none.
    chunked = client.post(
        "/", photo, content_type="image/jpeg", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
    )
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "address", ["/", "/healthz", "/readyz", "/metrics", "/review", "/api/docs/", "/api/v1/photos/"]
)
def test_a_method_that_is_not_there_is_refused_in_words(client, address, method):
    answer = client.generic(method, address)
    if answer.status_code == 200:
        assert method == "OPTIONS"
        return
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]
