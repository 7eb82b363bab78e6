"""Hands jobs to the worker, by name, so that whoever asks for one need not import what it does."""

from typing import Any

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued


def defer(task: str, *, once: str | None = None, **arguments: Any) -> None:
    """Queues a job in the transaction that is open, if one is.

    Args:
        task: dotted path of the task.
        once: name under which at most one such job waits; a second is left out.
    """
    try:
        with transaction.atomic():
            app.configure_task(task, queueing_lock=once).defer(**arguments)
    except AlreadyEnqueued:
        return
