from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TextingHubConfig(AppConfig):
    name = "texting_hub"
    verbose_name = _("Texting Hub")

    def ready(self) -> None:
        """Connect the live stream to what the apps announce, and the log to requests; what is checked of Postgres."""
        from texting_hub import live_receivers, request_log  # noqa: F401, PLC0415  (apps must be loaded first)
        from texting_hub.postgres import checks  # noqa: F401, PLC0415
