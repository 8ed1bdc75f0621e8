"""The words that an administrator accepts before anybody texts. The audit log keeps what was accepted, word by word.

Change a sentence here, and the log still says what earlier administrators accepted.
"""

from __future__ import annotations

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ACCEPTABLE_USE: Final[tuple[Promise, ...]] = (
    gettext_lazy("Text only people who agreed to be texted, and say who you are."),
    gettext_lazy("A STOP is final. Don’t text that person again from any number until they send START."),
    gettext_lazy("No spam, no deception, nothing unlawful, nothing that carriers ban."),
    gettext_lazy("No health information, no card numbers, no passwords. Texts are not encrypted."),
    gettext_lazy("Not for emergencies. Texts don’t reach emergency services."),
)
ATTESTATION: Final[Promise] = gettext_lazy(
    "Business texting is not HIPAA compliant: texts are not encrypted, and carriers keep copies. "
    "On behalf of this healthcare organization I confirm that its users don’t text protected health information, "
    "don’t ask patients to send any, and are told so before they text."
)
"""What a healthcare customer's administrator confirms."""


def accepted_policy() -> dict[str, Any]:
    """The acceptable use policy as the audit log keeps it: in the words that were on the screen."""
    return {"policy": " ".join(str(sentence) for sentence in ACCEPTABLE_USE)}


def confirmed_attestation() -> dict[str, Any]:
    """The attestation as the audit log keeps it."""
    return {"confirmed": str(ATTESTATION)}


def context() -> dict[str, Any]:
    """For pages that show them."""
    return {"acceptable_use": ACCEPTABLE_USE, "attestation": ATTESTATION}
