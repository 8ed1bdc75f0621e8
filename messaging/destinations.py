"""Where a text may go: valid US and Canadian numbers, told by region and not by +1 (+1 876 is Jamaica).

US territories count as US. Refused: emergency numbers (in whatever way they were typed), short codes, premium-rate 900,
everywhere else in the world. Each refusal says what to do instead.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from provisioning.models.choices import TEXTING_COUNTRIES
from provisioning.refusals import Refusal

_HOME = "US"
_EMERGENCY = frozenset({"911", "112"})
"""What reaches emergency services in North America; 112 is carried on by mobile networks."""
_LONGEST_SHORT_CODE = 6
_PREMIUM_AREA = "900"
_LONGEST_TYPED = 100


def parse_destination(typed: str) -> str:
    """The E.164 number a person meant; a number without a country is a US or Canadian one.

    Raises Refusal: emergency, invalid_destination, or destination_not_allowed with `kind` international,
    premium_rate or short_code.
    """
    is_stored = _STORED.fullmatch(typed) is not None and _is_exchange_allowed(typed[:8])
    return typed if is_stored else _meant(typed)


def _meant(typed: str) -> str:
    """The same, looked up in full."""
    plain = unicodedata.normalize("NFKC", typed).strip()
    if _is_emergency(plain):
        raise Refusal("emergency", _("Emergency services can’t be texted from here. Call 911."))
    number = _parsed(plain)
    _refuse_short_code(number)
    _refuse_foreign(number)
    _refuse_premium(number)
    if number.extension:
        raise Refusal("invalid_destination", _("A text can’t reach an extension. Enter the number without it."))
    if not phonenumbers.is_valid_number(number):
        raise _invalid()
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


_STORED = re.compile(r"\+1[2-9]\d{9}", re.ASCII)


def is_allowed(e164: str) -> bool:
    """Whether a text may go to a stored number: the relay's second look.

    In the North American plan the area code and the exchange (NPA-NXX) decide, so what was found for one number holds
    for the ten thousand beside it. To look a number up takes longer than to send the text.
    """
    if _STORED.fullmatch(e164) is None:
        return _is_destination(e164)
    return _is_exchange_allowed(e164[:8])


@lru_cache(maxsize=65536)
def _is_exchange_allowed(exchange: str) -> bool:
    return _is_destination(f"{exchange}{_A_LINE}")


_A_LINE = "2368"


def _is_destination(e164: str) -> bool:
    try:
        return _meant(e164) == e164
    except Refusal:
        return False


def _invalid() -> Refusal:
    return Refusal(
        "invalid_destination", _("This isn’t a phone number. Enter 10 digits, as in (415) 555-0122.")
    )  # fmt: skip


def _is_emergency(plain: str) -> bool:
    """As typed, as E.164 and as national number; with or without the country code in front."""
    digits = phonenumbers.normalize_digits_only(plain)
    if _EMERGENCY & {digits, digits.removeprefix("1"), digits.removeprefix("001"), digits.removeprefix("0111")}:
        return True
    return any(phonenumbers.connects_to_emergency_number(plain, country) for country in ("US", "CA"))


def _parsed(plain: str) -> PhoneNumber:
    if len(plain) > _LONGEST_TYPED:
        raise _invalid()
    try:
        return phonenumbers.parse(plain, _HOME)
    except NumberParseException:
        raise _invalid() from None


def _refuse_short_code(number: PhoneNumber) -> None:
    if number.country_code == 1 and len(str(number.national_number)) <= _LONGEST_SHORT_CODE:
        raise Refusal(
            "destination_not_allowed",
            _("Short codes can’t be texted from a business number. Use your mobile phone for them."),
            kind="short_code",
        )


def _refuse_foreign(number: PhoneNumber) -> None:
    """Unassigned +1 numbers have no region: those are not foreign but invalid."""
    region = phonenumbers.region_code_for_number(number)
    at_home = number.country_code == 1 and (region is None or region in TEXTING_COUNTRIES)
    if not at_home:
        raise Refusal(
            "destination_not_allowed",
            _("International texts aren’t possible. Text US and Canadian numbers only."),
            kind="international",
        )


def _refuse_premium(number: PhoneNumber) -> None:
    premium = phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE
    if premium or str(number.national_number).startswith(_PREMIUM_AREA):
        raise Refusal(
            "destination_not_allowed",
            _("Premium-rate numbers can’t be texted. Call this number instead."),
            kind="premium_rate",
        )
