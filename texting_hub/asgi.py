"""ASGI entry: everything in the embedded default, the live stream in production."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
handler = get_asgi_application()

from texting_hub.backup.marker import refuse_to_start  # noqa: E402  (settings must be there first)
from texting_hub.bodies import bounded  # noqa: E402
from texting_hub.places import placed  # noqa: E402

refuse_to_start()
application = bounded(placed(handler, settings.REQUESTS_AT_ONCE))
