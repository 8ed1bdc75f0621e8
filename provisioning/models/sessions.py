"""Sessions that know whose they are: a person sees them, ends them, and a deactivation ends them all."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.models.organizations import Organization
from provisioning.models.users import User


class Session(AbstractBaseSession):
    """Django's session row with whose it is, from which device, and when it was last seen (every 5 minutes).

    The columns beside Django's are copied from the session's content by provisioning/session_store.py.
    """

    organization = models.ForeignKey(Organization, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="sessions")
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    signed_in_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    @property
    def public_id(self) -> str:
        """What a form may name it by: the key itself is as good as a password."""
        return hashlib.sha256(f"session {self.session_key}".encode()).hexdigest()[:24]

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_module(settings.SESSION_ENGINE).SessionStore
