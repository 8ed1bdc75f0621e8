"""What the carrier remembers: phones, texts, what it was told to do, and webhooks it still owes."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _


def new_text_id() -> str:
    """The carrier's own id of a text, as in sim-9f2c81ab34de."""
    return f"sim-{secrets.token_hex(6)}"


class Phone(models.Model):
    """A phone that one can play on the handset page."""

    e164 = models.CharField(_("number"), max_length=16, primary_key=True)
    name = models.CharField(_("name"), max_length=60, blank=True)
    seen = models.BigIntegerField(default=0)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["added_at", "e164"]

    def __str__(self) -> str:
        return self.e164


class Business(models.Model):
    """The name that phones show for a business number."""

    e164 = models.CharField(_("number"), max_length=16, primary_key=True)
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        ordering = ["e164"]

    def __str__(self) -> str:
        return self.e164


class Text(models.Model):
    """A text that the carrier truly took: to a phone (by the API) or from one (by the handset).

    Nothing is deduplicated: two rows with one reference are a double send, and a test sees them.
    """

    carrier_id = models.CharField(max_length=32, unique=True, default=new_text_id)
    reference = models.CharField(max_length=64, blank=True)
    to_phone = models.BooleanField()
    business = models.CharField(max_length=32)
    phone = models.CharField(max_length=32)
    body = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    pictures = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField()
    arrived = models.BooleanField(default=True, help_text="Whether it came to the phone that it was for.")

    class Meta:
        indexes = [
            # One thread on a phone's screen, newest last; and which businesses a phone texts with.
            models.Index(fields=["phone", "business", "id"], name="texts_of_thread"),
            # How often was this reference taken?
            models.Index(fields=["reference"], name="texts_by_reference"),
        ]

    def __str__(self) -> str:
        return self.carrier_id


class Rule(models.Model):
    """What to do with the next texts to one phone; an empty phone means every phone without a rule of its own."""

    phone = models.CharField(max_length=32, primary_key=True, blank=True)
    behaviour = models.CharField(max_length=32)
    code = models.CharField(max_length=8)
    remaining = models.PositiveIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.phone or '*'} {self.behaviour}"


class Registration(models.Model):
    """A brand or campaign that the registry truly took.

    Nothing is deduplicated: two rows with one reference are a double submission, and a test sees them.
    """

    BRAND, CAMPAIGN = "brand", "campaign"

    kind = models.CharField(max_length=8)
    reference = models.CharField(max_length=64)
    registry_id = models.CharField(max_length=32)
    document = models.JSONField()
    callback_url = models.CharField(max_length=500)
    at = models.DateTimeField()
    step = models.CharField(max_length=16)
    step_at = models.DateTimeField()
    reasons = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # How often was this reference taken?
            models.Index(fields=["reference"], name="registrations_by_reference"),
        ]

    def __str__(self) -> str:
        return self.registry_id


class RegistryRule(models.Model):
    """What the registry does with the next submissions: one row."""

    treatment = models.CharField(max_length=32)
    reason = models.CharField(max_length=8, blank=True)
    remaining = models.PositiveIntegerField(null=True)
    lag = models.FloatField(default=0.0, help_text="Seconds that lookups are behind.")

    def __str__(self) -> str:
        return self.treatment


class Delivery(models.Model):
    """One event that is owed to the hub: a receipt, a text from a phone, a decision. Kept until the hub took it."""

    CARRIER, REGISTRY = "carrier", "registry"

    url = models.CharField(max_length=500)
    event = models.TextField()
    label = models.CharField(max_length=200)
    signer = models.CharField(max_length=8, default=CARRIER)
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=60, blank=True)

    class Meta:
        indexes = [
            # What a restart takes up again.
            models.Index(fields=["due_at"], condition=models.Q(done_at__isnull=True), name="deliveries_owed"),
        ]

    def __str__(self) -> str:
        return self.label
