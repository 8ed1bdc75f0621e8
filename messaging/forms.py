"""What people type into the inbox. Policy refuses (messaging/policy.py); forms only carry it there unharmed."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from django import forms


class AsTypedField(forms.CharField):
    """Every character as it was typed, whatever it is; only the form's CR LF line ends become LF, as typed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, required=False, **options)
        self.validators = []

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class TextForm(forms.Form):
    """One text. `key` was made when the form was rendered, so that sending it twice sends one text.

    `confirmed` answers a content rule that asked about these very words (`confirmation_of`): not about others.
    """

    body = AsTypedField()
    key = forms.UUIDField(required=False)
    confirmed = forms.CharField(required=False, max_length=64)

    @property
    def text(self) -> str:
        return str(self.cleaned_data.get("body", ""))

    @property
    def idempotency_key(self) -> str:
        return str(self.cleaned_data.get("key") or "")

    @property
    def is_confirmed(self) -> bool:
        return self.cleaned_data.get("confirmed") == confirmation_of(self.text)


class NewMessageForm(TextForm):
    """A text to a number as typed."""

    to = AsTypedField()

    @property
    def destination(self) -> str:
        return str(self.cleaned_data.get("to", ""))


def fresh_key() -> str:
    """An idempotency key for a form about to be rendered."""
    return str(uuid.uuid4())


def confirmation_of(text: str) -> str:
    """What "Send anyway" sends along: it holds for the words that a rule asked about."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def place(text: str | None) -> int | None:
    """A place in a thread (`seq`) from an address or a form; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 18 else None
