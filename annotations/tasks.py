"""Jobs of the labelled picture, run by the worker."""

from django.conf import settings
from procrastinate.contrib.django import app

from annotations import services


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="photos_expire", pass_context=False)
def photos_expire(timestamp: int) -> int:
    """Hourly: lets photos go that nobody allowed us to learn from, once they are old enough."""
    return services.photos_expire(hours=settings.RETENTION_HOURS)
