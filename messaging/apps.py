from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messaging")

    def ready(self) -> None:
        """Give this app's alerts their words."""
        from messaging import watch  # noqa: F401, PLC0415  (models must be loaded first)
