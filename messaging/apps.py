from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messaging")

    def ready(self) -> None:
        """Give this app's alerts their words, the account page the number of opt-outs, and numbers' pages their pauses;
        listen to new numbers and to edited limits."""
        from messaging import connections, lateness, limits, optouts, receipt_alerts, routing, watch  # noqa: F401, PLC0415  (models must be loaded first)
        from provisioning import number_pauses, opt_out_scope  # noqa: PLC0415

        opt_out_scope.register(optouts.count_standing)
        number_pauses.register(routing.pause_of)
