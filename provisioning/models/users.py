"""Users: people who sign in with their e-mail address."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models.choices import TextingSetting, fold
from provisioning.models.organizations import Location, Organization


class License(models.TextChoices):
    """The Webex Calling license of a user. Only Professional can text."""

    NONE = "none", _("No license")
    STANDARD = "standard", _("Webex Calling Standard")
    PROFESSIONAL = "professional", _("Webex Calling Professional")


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        """By e-mail address, without regard to case."""
        return self.get(email_key=fold(username or ""))

    async def aget_by_natural_key(self, username: str | None) -> User:
        """By e-mail address, without regard to case."""
        return await self.aget(email_key=fold(username or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user with a usable password only when one is given."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A provider operator: staff, without an organization."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person of an organization, or a provider operator (staff, without an organization).

    Never deleted once messages or audit events point here: deactivated instead, history stays.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization, verbose_name=_("organization"), null=True, blank=True, on_delete=models.PROTECT,
        related_name="users", db_index=False,  # users_by_id begins with it
    )  # fmt: skip
    location = models.ForeignKey(
        Location, verbose_name=_("location"), null=True, blank=True, on_delete=models.PROTECT, related_name="users",
        db_index=False,  # users_of_location begins with it
    )  # fmt: skip
    email = models.EmailField(_("e-mail"), max_length=254)
    email_key = models.CharField(max_length=254, unique=True, editable=False)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    sort_name = models.CharField(max_length=255, editable=False)
    search_text = models.TextField(editable=False)
    license = models.CharField(_("license"), max_length=16, choices=License.choices, default=License.NONE)
    texting_setting = models.CharField(
        _("Business Texting"), max_length=8, choices=TextingSetting.choices, default=TextingSetting.DEFAULT
    )
    client_version = models.CharField(_("Webex app version last seen"), max_length=64, blank=True)
    client_seen_at = models.DateTimeField(_("Webex app last seen"), null=True, blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("provider operator"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    invited_at = models.DateTimeField(_("invited"), null=True, blank=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["sort_name", "id"]
        constraints = [
            # Provider operators stand outside every organization; everyone else belongs to one.
            models.CheckConstraint(
                condition=models.Q(is_staff=True, organization__isnull=True)
                | models.Q(is_staff=False, is_superuser=False, organization__isnull=False),
                name="operators_have_no_organization",
            ),
            models.CheckConstraint(
                condition=models.Q(texting_setting__in=TextingSetting.values), name="user_texting_setting_known"
            ),
        ]
        indexes = [
            # The Users page: one organization, by name, keyset on (sort_name, id). What the filters look at comes
            # along, so that Postgres passes those who don't fit without reading their rows.
            models.Index(
                fields=["organization", "sort_name", "id"],
                include=["location", "license", "texting_setting", "is_active"],
                name="users_page",
            ),
            # The same by e-mail address.
            models.Index(
                fields=["organization", "email_key"],
                include=["id", "location", "license", "texting_setting", "is_active"],
                name="users_by_email",
            ),
            # The same by id: the API's list, and bulk actions that go through everyone.
            models.Index(
                fields=["organization", "id"],
                include=["location", "license", "texting_setting", "is_active"],
                name="users_by_id",
            ),
            # One location's users by name, the list by location, and the per-location table of Service Settings.
            models.Index(
                fields=["location", "sort_name", "id"],
                include=["organization", "license", "texting_setting", "is_active"],
                name="users_of_location",
            ),
            # The few that a filter looks for among many, by name: without a Professional license, deactivated,
            # with a setting of their own.
            models.Index(
                fields=["organization", "license", "sort_name", "id"],
                condition=~models.Q(license=License.PROFESSIONAL),
                name="users_not_professional",
            ),
            models.Index(
                fields=["organization", "sort_name", "id"],
                condition=models.Q(is_active=False),
                name="users_deactivated",
            ),
            models.Index(
                fields=["organization", "sort_name", "id"],
                condition=models.Q(texting_setting__in=["on", "off"]),
                name="users_overridden",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """First and last name, or the e-mail address where there is none."""
        return f"{self.first_name} {self.last_name}".strip() or self.email

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        letters = (self.first_name[:1] + self.last_name[:1]) or self.email[:2]
        return letters.upper()

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.first_name or self.email

    def fold(self) -> None:
        """Set the folded columns from what they fold. `save()` does; bulk writes have to."""
        self.email = self.email.strip()
        self.email_key = fold(self.email)
        surname_first = f"{self.last_name}, {self.first_name}".strip(", ")
        self.sort_name = fold(surname_first or self.email)[:255]
        self.search_text = fold(f"{self.first_name} {self.last_name} {self.email}")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the folded columns true, whichever of their sources is written."""
        self.fold()
        update_fields = kwargs.get("update_fields")
        if update_fields is not None and {"email", "first_name", "last_name"} & set(update_fields):
            kwargs["update_fields"] = {*update_fields, "email_key", "sort_name", "search_text"}
        super().save(*args, **kwargs)
