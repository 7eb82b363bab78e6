"""Who may call what: every address of the API, made from the URL configuration, against every role."""

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

# The least role that gets past the door; foreign ids behind it answer 404 (see test_foreign_ids_answer_404_everywhere).
LEAST_ROLE = {
    "session": "anyone",
    "consent": "anyone",
    "login": "anyone",
    "logout": "anyone",
    "photos": "anyone",
    "photo": "anyone",
    "photo-consent": "anyone",
    "photo-restore": "anyone",
    "photo-image": "anyone",
    "prediction-mask": "anyone",
    "prediction-cutout": "anyone",
    "prediction-run-lengths": "anyone",
    "correction": "anyone",
    "correction-cutout": "anyone",
    "correction-run-lengths": "anyone",
    "correction-mask": "anyone",
    "correction-difference": "reviewer",
    "correction-review": "reviewer",
    "trust": "operator",
    "trust-corrections": "operator",
    "trust-quarantine": "operator",
    "queue-correct": "reviewer",
    "queue-review": "reviewer",
    "stickers": "anyone",
    "sticker-preview": "anyone",
    "sticker-file": "anyone",
    "packs": "anyone",
    "pack": "anyone",
    "pack-stickers": "anyone",
    "pack-sticker": "anyone",
    "pack-order": "anyone",
    "pack-export": "anyone",
    "validate": "anyone",
    "removebg": "anyone",
    "removebg-account": "anyone",
    "rembg": "anyone",
    "weights-current": "anyone",
    "weights-browser": "anyone",
    "overview": "operator",
    "forecast": "operator",
    "runs": "operator",
    "run": "operator",
    "run-sample": "operator",
    "datasets": "operator",
    "dataset": "operator",
    "run-evidence": "operator",
    "decision": "operator",
    "decision-approve": "operator",
    "decision-decline": "operator",
    "retrain": "operator",
    "policy": "operator",
    "lineage": "operator",
    "rollouts": "operator",
    "shadow": "operator",
    "shadow-difference": "operator",
    "rollout-next": "operator",
    "rollout-end": "operator",
    "deployments": "operator",
    "rollback": "operator",
}
ROLES = ("anyone", "person", "reviewer", "operator")
METHODS = ("get", "post", "put", "patch", "delete")


def test_every_address_says_whom_it_is_for(addresses):
    assert set(addresses) == set(LEAST_ROLE)


@pytest.fixture
def clients(people):
    made = {role: Client() for role in ROLES}
    for role, person in (("person", people.alice), ("reviewer", people.rita), ("operator", people.olga)):
        made[role].force_login(person)
    return made


@pytest.mark.parametrize("name", [name for name, role in LEAST_ROLE.items() if role != "anyone"])
def test_whoever_may_less_is_turned_away_by_every_method(clients, addresses, name):
    address = addresses[name]
    for role in ROLES[: ROLES.index(LEAST_ROLE[name])]:
        statuses = {getattr(clients[role], method)(address).status_code for method in METHODS}
        assert statuses == {401 if role == "anyone" else 403}, role


@pytest.mark.parametrize("query", ["owner__password__startswith=p", "ordering=owner", "photo__owner=x", "search=a"])
@pytest.mark.parametrize("name", ["photos", "queue-review", "queue-correct", "trust", "runs", "deployments"])
def test_no_query_parameter_reaches_into_the_database(clients, name, query):
    plain = clients["operator"].get(reverse(name))
    asked = clients["operator"].get(f"{reverse(name)}?{query}")
    assert (asked.status_code, asked.json()["results"]) == (200, plain.json()["results"])


@pytest.mark.parametrize(
    "address", ["/review", "/queue", "/releases", "/releases/decisions/1", "/trust", "/login", "/admin/login/"]
)
def test_pages_hold_no_data_of_their_own(client, address):
    assert client.get(address).status_code in {200, 503}
