"""Jobs of packs, run by the worker."""

from django.conf import settings
from procrastinate.contrib.django import app

from stickersnap.packs import services


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="packs_expire", pass_context=False)
def packs_expire(timestamp: int) -> int:
    """Hourly: packs whose photos are all gone go as photos do, once they are as old."""
    return services.packs_expire(hours=settings.RETENTION_HOURS)
