"""The API held to its document by schemathesis: every operation, four roles, and calls that follow from each other.

Bounded, and the same each time: the examples come from a fixed seed. One process, one database, no clock.
"""

import pytest
import schemathesis
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as effort
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.checks import CheckFunction
from schemathesis.schemas import APIOperation

from stickersnap.releases.exceptions import NotReady
from stickersnap.wsgi import application

# Where only the content decides whether a call makes sense: a photo or a mask that is none is 400, though to the
# document it is bytes; a name and a password may be nobody's; a photo may not be there; a policy's network must be one
# that something here can begin from; a pack's emojis must be emojis and its stickers there.
BY_CONTENT = {
    "POST /api/remove",
    "POST /v1.0/removebg",
    "POST /api/v1/photos/",
    "PUT /api/v1/corrections/{correction_id}/",
    "POST /api/v1/session/login/",
    "POST /api/v1/stickers/",
    "POST /api/v1/stickers/preview/",
    "POST /api/v1/validate/",
    "PATCH /api/v1/releases/policy/",
    "POST /api/v1/releases/forecast/",
    "POST /api/v1/packs/",
    "POST /api/v1/packs/{pack_id}/stickers/",
    "PATCH /api/v1/packs/{pack_id}/stickers/{sticker_id}/",
}
SHOWN = 2000  # characters of a failure
CALM = effort(
    max_examples=4,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def nothing_runs(**_):
    raise NotReady


@pytest.fixture
def one_connection(db, monkeypatch):
    """Django would let go of the test's transaction after each call."""
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


@pytest.fixture
def document(one_connection, monkeypatch, starter, settings):
    """The document as it is served; limits that hundreds of calls don't meet; no training is started."""
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)
    monkeypatch.setattr("stickersnap.releases.runs.runs.run_start", nothing_runs)
    settings.UPLOADS_PER_MINUTE = 1_000_000
    wishes = {  # 503: nothing is deployed here, and says so
        "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]}},
        "generation": {"with-security-parameters": False},  # sessions are given, not made up
    }
    config = schemathesis.config.SchemathesisConfig.from_dict(wishes)
    return schemathesis.openapi.from_wsgi("/api/schema/", application, config=config, headers={"Host": "localhost"})


@pytest.fixture
def browser(people):
    """What somebody's browser sends along: browser("rita")."""

    def of(name: str) -> dict[str, dict[str, str]]:
        client = Client()
        if name:
            client.force_login(getattr(people, name))
        client.get("/api/v1/session/")
        cookies = {cookie: morsel.value for cookie, morsel in client.cookies.items()}
        return {"headers": {"Host": "localhost", "X-CSRFToken": cookies["csrftoken"]}, "cookies": cookies}

    return of


def left_out(operation: APIOperation, name: str) -> list[CheckFunction]:
    """Checks that can't hold: see BY_CONTENT; and who sends a session's cookies is let in whatever else is made up."""
    content = [checks.positive_data_acceptance] if operation.label in BY_CONTENT else []
    return [*content, checks.ignored_auth] if name else content


@pytest.mark.parametrize("name", ["", "alice", "rita", "olga"])
def test_every_operation_answers_as_the_document_says(document, browser, name):
    sent, failures = browser(name), []
    for result in document.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode:
            try:
                strategy = operation.as_strategy(mode)

                @seed(1)
                @CALM
                @given(case=strategy)
                def call(case):
                    case.call_and_validate(**sent, excluded_checks=left_out(case.operation, name))

                call()
            except Unsatisfiable:  # an operation without parameters can't be called wrongly
                pass
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - all that fail are told at once
                failures.append(f"{operation.label} {mode.value}: {told(error)}"[:SHOWN])
    assert not failures, "\n\n".join(failures)


def told(error: BaseException) -> str:
    """What schemathesis found, of a group each."""
    inner = getattr(error, "exceptions", None)
    return "; ".join(map(told, inner)) if inner else f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", ["", "rita", "olga"])
def test_calls_that_follow_from_each_other_answer_as_the_document_says(document, browser, name):
    sent = browser(name)

    class Flow(document.as_state_machine()):
        def get_call_kwargs(self, case):
            return sent

        def validate_response(self, response, case, **_):
            case.validate_response(response, excluded_checks=left_out(case.operation, name))

    Flow.run(settings=effort(CALM, max_examples=6, stateful_step_count=6))
