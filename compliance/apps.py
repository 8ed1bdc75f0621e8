from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ComplianceConfig(AppConfig):
    name = "compliance"
    verbose_name = _("Compliance")

    def ready(self) -> None:
        """Let the audit log hear of every recorded change, inside the change's own transaction."""
        from compliance import audit, watch  # noqa: F401, PLC0415  (models must be loaded first; alerts get their words)
        from provisioning.changes import changed  # noqa: PLC0415

        changed.connect(audit.listen, dispatch_uid="compliance.audit")
