"""WSGI entry: pages and API in production."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
application = get_wsgi_application()

from texting_hub.backup.marker import refuse_to_start  # noqa: E402  (settings must be there first)

refuse_to_start()
