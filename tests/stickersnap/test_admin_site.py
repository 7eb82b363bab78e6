"""What stands in an address of the admin is never worse than a list without a filter."""

import pytest
from django.contrib import admin
from django.urls import reverse

from stickersnap.accounts.services import operator_create

pytestmark = pytest.mark.django_db
WISHES = ["year=0", "year=99999999999", "gte=x", "range=1", "exact=%FF", "exact=", "isnull=x", "in=1,x", "month=0"]
OTHERS = ["o=999.-999", "p=99999999999", "p=x", "q=%FF'\"", "_to_field=x", "all=", "nonsense=1", "e=1", "page=0"]


def filters(model_admin: admin.ModelAdmin) -> list[str]:
    return [each for each in (*model_admin.list_filter, "id", "pk") if isinstance(each, str)]


def test_no_wish_breaks_a_list(client):
    client.force_login(operator_create(username="root", password="a-long-secret-phrase"))
    client.raise_request_exception = False
    for model, model_admin in admin.site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        asked = OTHERS + [f"{name}__{wish}" for name in filters(model_admin) for wish in WISHES]
        for query in asked:
            answer = client.get(f"{address}?{query}", follow=True)
            assert answer.status_code in {200, 400, 404}, f"{address}?{query}"
        unfiltered = client.get(f"{address}?{filters(model_admin)[0]}__year=0", follow=True)
        assert unfiltered.status_code in {200, 400}


def test_a_year_that_never_was_shows_the_whole_list_and_says_so(client):
    client.force_login(operator_create(username="root", password="a-long-secret-phrase"))
    answer = client.get("/admin/annotations/photo/?created_at__year=0")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/annotations/photo/?e=1")
    assert client.get(answer["Location"]).status_code == 200
