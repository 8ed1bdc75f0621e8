from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class ProvisioningConfig(AppConfig):
    name = "provisioning"
    default = True
    verbose_name = _("Provisioning")

    def ready(self) -> None:
        """Write sign-ins, sign-outs and failed sign-ins to the audit log; make the kinds of tasks known."""
        from provisioning import (  # noqa: PLC0415  (apps must be loaded first)
            bulk_users,  # noqa: F401
            csv_applying,  # noqa: F401
            number_tasks,  # noqa: F401
            sign_in,
        )

        sign_in.connect()


class OperatorAdminConfig(admin_apps.AdminConfig):
    """In place of django.contrib.admin in INSTALLED_APPS: the provider operators' site."""

    default = False
    default_site = "provisioning.operators.OperatorSite"

    def ready(self) -> None:
        """Roles are RoleAssignment rows; Django's groups grant nothing here. Second factors are nobody's to look at."""
        from allauth.account.models import EmailAddress  # noqa: PLC0415
        from allauth.mfa.models import Authenticator  # noqa: PLC0415
        from django.contrib import admin  # noqa: PLC0415
        from django.contrib.auth.models import Group  # noqa: PLC0415  (apps must be loaded first)

        super().ready()
        admin.site.unregister([Group, EmailAddress, Authenticator])
