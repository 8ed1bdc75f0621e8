"""ASGI entry: everything in the embedded default, the live stream in production."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
application = get_asgi_application()
