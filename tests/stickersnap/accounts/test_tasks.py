"""What the worker does for accounts by itself."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from procrastinate.contrib.django import app

from stickersnap.accounts.tasks import sessions_clear

pytestmark = pytest.mark.django_db


def test_sessions_that_are_over_are_cleared_each_night(client):
    client.put("/api/v1/session/consent/", {"consent": False}, content_type="application/json")
    kept = Session.objects.get()
    Session.objects.create(session_key="over", session_data="", expire_date=timezone.now() - timedelta(seconds=1))
    sessions_clear(timestamp=0)
    assert list(Session.objects.all()) == [kept]
    assert sessions_clear.name in app.tasks
