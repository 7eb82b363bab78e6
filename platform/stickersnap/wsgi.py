"""The WSGI entry that gunicorn serves."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stickersnap.settings")
django.setup(set_prefix=False)

from stickersnap.api import admission  # noqa: E402 - needs Django set up


class Application(WSGIHandler):
    """Django, and what it refuses before a request is read: see stickersnap.api.door."""

    refusal = staticmethod(admission.refusal)


application = Application()
