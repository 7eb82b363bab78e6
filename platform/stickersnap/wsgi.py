"""The WSGI entry that gunicorn serves."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stickersnap.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402

from segmentation.picture import MAX_BYTES  # noqa: E402
from stickersnap.api import admission  # noqa: E402 - needs Django set up
from stickersnap.api.uploads import MULTIPART_OVERHEAD  # noqa: E402


class Application(WSGIHandler):
    """Django, and what its server asks before a request comes to a thread: see stickersnap.api.door."""

    refusal = staticmethod(admission.refusal)
    largest_body = MAX_BYTES + MULTIPART_OVERHEAD
    connections_per_address = settings.CONNECTIONS_PER_ADDRESS


application = Application()
