"""Jobs of the labelled picture, run by the worker."""

from django.conf import settings
from procrastinate.contrib.django import app

from annotations import services, trash


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="photos_expire", pass_context=False)
def photos_expire(timestamp: int) -> int:
    """Hourly: lets photos go that nobody allowed us to learn from, once they are old enough."""
    return services.photos_expire(hours=settings.RETENTION_HOURS)


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="trash_empty", pass_context=False)
def trash_empty(timestamp: int) -> int:
    """Every five minutes: deleted photos that nobody wanted back in time are gone for good."""
    return trash.trash_empty()
