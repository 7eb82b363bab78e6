"""nginx's configuration, run by the real nginx."""

import json
import ssl
import warnings

import pytest

PHOTO = b"x" * 1000
MEGABYTE = 1024 * 1024


def test_http_is_sent_to_https(nginx):
    answer = nginx().ask("GET", "/review?next=1", https=False)
    assert answer.status == 308
    assert answer.headers["Location"] == "https://snap.test/review?next=1"


def test_http_serves_lets_encrypts_challenge(nginx):
    proxy = nginx()
    (proxy.acme / ".well-known/acme-challenge/token").write_text("token.thumbprint")
    answer = proxy.ask("GET", "/.well-known/acme-challenge/token", https=False)
    assert (answer.status, answer.body) == (200, b"token.thumbprint")
    assert proxy.asked == []


def test_an_unknown_challenge_reaches_neither_service_nor_https(nginx):
    proxy = nginx()
    assert proxy.ask("GET", "/.well-known/acme-challenge/absent", https=False).status == 404
    assert proxy.asked == []


def test_nginx_tells_that_it_lives(nginx):
    assert nginx().ask("GET", "/nginx-health", https=False).status == 200


def test_the_service_hears_who_asks_and_that_it_was_https(nginx):
    claims = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.test"}
    heard = nginx().ask("GET", "/api/v1/photos/?page=2", headers=claims).json
    assert heard["path"] == "/api/v1/photos/?page=2"
    headers = heard["headers"]
    assert headers["Host"] == "snap.test"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-For"] == headers["X-Real-IP"] == "127.0.0.1"
    assert "X-Forwarded-Host" not in headers


def test_a_photo_goes_through_whole(nginx):
    heard = nginx().ask("POST", "/", body=b"x" * (20 * MEGABYTE)).json
    assert heard["method"] == "POST"
    assert heard["bytes"] == 20 * MEGABYTE


def test_browsers_are_told_to_stay_with_https(nginx):
    answer = nginx().ask("GET", "/")
    assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


def test_no_header_is_sent_twice(nginx):
    answer = nginx().ask("GET", "/own")
    assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=7"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


def test_http_alone_promises_no_https(nginx):
    assert nginx().ask("GET", "/", https=False).headers["Strict-Transport-Security"] is None


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_over_the_limit_is_refused_in_the_one_error_shape(nginx, chunked):
    proxy = nginx()
    body = b"x" * (22 * MEGABYTE)
    if chunked:
        pieces = iter([body[:MEGABYTE]] * 22)
        headers = {"Transfer-Encoding": "chunked"}
        answer = proxy.ask("POST", "/api/v1/photos/", body=pieces, headers=headers, encode_chunked=True)
    else:
        answer = proxy.ask("POST", "/api/v1/photos/", body=body)
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["code"] == "file_too_large"
    assert "20 MB" in answer.json["detail"]
    assert answer.headers["Strict-Transport-Security"]
    assert proxy.asked == []


def test_a_flood_of_uploads_is_throttled_in_the_one_error_shape(nginx):
    proxy = nginx(NGINX_UPLOAD_RATE="1r/m", NGINX_UPLOAD_BURST="2")
    answers = [proxy.ask("POST", "/api/v1/photos/", body=PHOTO) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["Content-Type"] == "application/json"
    assert answers[3].json["code"] == "throttled"
    assert answers[3].headers.get_all("Retry-After") == ["1"]


def test_looking_is_never_throttled(nginx):
    proxy = nginx(NGINX_UPLOAD_RATE="1r/m", NGINX_UPLOAD_BURST="1")
    assert {proxy.ask("GET", f"/api/v1/photos/{number}/").status for number in range(30)} == {200}


def test_while_the_service_is_away_clients_get_the_one_error_shape(nginx):
    proxy = nginx()
    proxy.stop_service()
    for method, body in (("GET", None), ("POST", PHOTO)):
        answer = proxy.ask(method, "/api/v1/photos/", body=body, headers={"Accept": "*/*"})
        assert answer.status == 502
        assert answer.headers["Content-Type"] == "application/json"
        assert set(answer.json) == {"code", "detail"}
        assert answer.json["code"] == "unavailable"
        assert answer.headers.get_all("Retry-After") == ["5"]


def test_while_the_service_is_away_a_person_gets_a_page_that_tries_again(nginx):
    proxy = nginx()
    proxy.stop_service()
    answer = proxy.ask("GET", "/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert answer.status == 502
    assert answer.headers["Content-Type"] == "text/html"
    assert b'http-equiv="refresh"' in answer.body


def test_the_services_own_errors_pass_unchanged(nginx):
    answer = nginx().ask("GET", "/refuses")
    assert answer.status == 503
    assert answer.json["path"] == "/refuses"
    assert answer.headers.get_all("Retry-After") == ["3"]


def test_static_files_are_kept_by_nginx_even_while_the_service_is_away(nginx):
    proxy = nginx()
    first = proxy.ask("GET", "/static/assets/index-1a2b.js")
    proxy.stop_service()
    second = proxy.ask("GET", "/static/assets/index-1a2b.js")
    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body
    assert proxy.asked == ["/static/assets/index-1a2b.js"]


def test_files_named_by_their_content_are_kept_by_browsers_for_good(nginx):
    proxy = nginx()
    answer = proxy.ask("GET", "/static/assets/index-1a2b.js")
    assert answer.headers.get_all("Cache-Control") == ["public, max-age=31536000, immutable"]
    assert answer.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert proxy.ask("GET", "/static/icon.svg").headers.get_all("Cache-Control") == ["max-age=60, public"]
    assert proxy.ask("GET", "/api/v1/session/").headers["Cache-Control"] is None


def test_answers_of_the_api_are_never_kept(nginx):
    proxy = nginx()
    for _ in range(2):
        proxy.ask("GET", "/api/v1/session/")
    assert proxy.asked == ["/api/v1/session/"] * 2


def test_metrics_are_not_for_the_outside(nginx):
    proxy = nginx()
    answer = proxy.ask("GET", "/metrics")
    assert answer.status == 404
    assert json.loads(answer.body)["code"] == "not_found"
    assert proxy.asked == []


def _context(proxy, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=proxy.certificate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_present_tls_is_spoken(nginx, version):
    proxy = nginx()
    with proxy.connect(_context(proxy, version)) as connection:
        assert connection.version() == version.name.replace("_", ".")


def test_old_tls_is_refused_by_the_server(nginx):
    proxy = nginx()
    with pytest.raises(ssl.SSLError) as refusal:
        proxy.connect(_context(proxy, ssl.TLSVersion.TLSv1_1))
    assert refusal.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_http_2_is_offered(nginx):
    proxy = nginx()
    context = ssl.create_default_context(cafile=proxy.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with proxy.connect(context) as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_nginx_does_not_tell_its_version(nginx):
    assert nginx().ask("GET", "/metrics").headers["Server"] == "nginx"
