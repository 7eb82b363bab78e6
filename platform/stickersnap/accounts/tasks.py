"""Jobs of accounts, run by the worker."""

from django.contrib.sessions.backends.db import SessionStore
from procrastinate.contrib.django import app


@app.periodic(cron="29 3 * * *")
@app.task(queueing_lock="sessions_clear", pass_context=False)
def sessions_clear(timestamp: int) -> None:
    """Nightly: removes browser sessions that are over, which Django leaves in the database."""
    SessionStore.clear_expired()
