"""What people may do: roles, and API tokens."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.organizations import Location, Organization
from provisioning.models.users import User


class Role(models.TextChoices):
    """Everyone without one of these is an end user."""

    FULL_ADMIN = "full_admin", _("Full administrator")
    READ_ONLY_ADMIN = "read_only_admin", _("Read-only administrator")
    USER_ADMIN = "user_admin", _("User administrator")
    LOCATION_ADMIN = "location_admin", _("Location administrator")
    COMPLIANCE_OFFICER = "compliance_officer", _("Compliance officer")


class RoleOrigin(models.TextChoices):
    """Who gave a role. What a directory gives (single sign-on, SCIM) only the directory takes back."""

    PORTAL = "portal", _("Given in the portal")
    PROVIDER = "provider", _("Given by the provider")
    DIRECTORY = "directory", _("From a group of the directory")


class RoleAssignment(models.Model):
    """One role of one user in the user's organization; a location administrator has one row per location."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="role_assignments")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="role_assignments")
    role = models.CharField(_("role"), max_length=24, choices=Role.choices)
    location = models.ForeignKey(
        Location, null=True, blank=True, on_delete=models.PROTECT, related_name="role_assignments"
    )
    origin = models.CharField(
        _("origin"), max_length=12, choices=RoleOrigin.choices, default=RoleOrigin.PORTAL, editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("role assignment")
        verbose_name_plural = _("role assignments")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role", "location"], name="role_once_a_location",
                condition=models.Q(location__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["user", "role"], name="role_once", condition=models.Q(location__isnull=True)
            ),
            # A location administrator is one of named locations; no other role is bound to one.
            models.CheckConstraint(
                condition=models.Q(role=Role.LOCATION_ADMIN, location__isnull=False)
                | (~models.Q(role=Role.LOCATION_ADMIN) & models.Q(location__isnull=True)),
                name="only_location_admins_have_locations",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.get_role_display()


class ApiToken(models.Model):
    """A bearer token. Only its prefix (to find it) and its SHA-256 (to check it) are stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="api_tokens")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(_("scopes"), default=list)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"
