"""How phone numbers are read and shown: any human format goes in, E.164 is stored, people read their national format.

`parse` is the one way in, for pages, API, CSV and the operators' admin: what it refuses has a code and a sentence.
A number belongs to the country of its location. The US, its territories and Canada share one numbering plan (+1) and
one texting network, so each takes the others' numbers; Jamaica, +1 too, is abroad.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from provisioning.countries import name_of
from provisioning.models.choices import TEXTING_COUNTRIES
from provisioning.refusals import Refusal

LONGEST_TYPED: Final = 60
"""Characters in which any human format fits."""

_ROUNDED: Final = re.compile(r"\d[.,]\d+[eE]\+?\d+")
_BEGINS: Final = re.compile(r"(?:tel:|[([\s])*[+＋]?[\s(]*\d", re.IGNORECASE)
_NORTH_AMERICAN: Final = re.compile(r"\+1[2-9][0-9]{9}")
_LONGEST_SHORT: Final = 6
_ORDINARY: Final = (
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP,
    PhoneNumberType.UNKNOWN,
)  # fmt: skip


@lru_cache(maxsize=4096)
def display(e164: str) -> str:
    """`+14155550101` as `+1 415 555 0101`; what is not a phone number (a short code) as it is."""
    if _NORTH_AMERICAN.fullmatch(e164):  # Lists show many of them; to parse one takes longer than the rest of its row.
        return f"+1 {e164[2:5]} {e164[5:8]} {e164[8:]}"
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL).replace("-", " ")


@lru_cache(maxsize=4096)
def national(e164: str) -> str:
    """`+14155550101` as `(415) 555-0101`. Numbers of other plans keep their country code: one list shows them all."""
    if _NORTH_AMERICAN.fullmatch(e164):
        return f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}"
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    if number.country_code != 1:
        return display(e164)
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)


def parse(typed: str, region: str = "US") -> str:
    """What was typed, as E.164; without a country code it is read as a number of `region` (ISO 3166-1 alpha-2).

    Refusal: `number_missing`, `not_a_number`, `number_rounded`, `short_number`, `area_code_missing`,
    `number_extension`, `toll_free_number`, `premium_number`, `number_kind`, `foreign_number`.
    """
    plain = _plain(typed)
    number = _read(plain, region)
    _refuse_unusable(number, plain, region)
    _refuse_kind(number)
    _refuse_foreign(number, region)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _plain(typed: str) -> str:
    """Without marks that are not seen (writing direction, the apostrophe that tells a spreadsheet "this is text")."""
    seen = "".join(" " if unicodedata.category(c) == "Zs" else c for c in typed if unicodedata.category(c) != "Cf")
    plain = seen.strip().removeprefix("'").strip()
    if re.fullmatch(r"\d{10,15}\.0", plain):
        plain = plain[:-2]
    if not plain:
        raise Refusal("number_missing", _("Enter a phone number."))
    return plain


def _read(plain: str, region: str) -> PhoneNumber:
    if _ROUNDED.fullmatch(plain):
        raise Refusal(
            "number_rounded",
            _("“%(typed)s” was rounded by a spreadsheet. Format the column as text and enter the number again.")
            % {"typed": plain},
        )
    try:
        if len(plain) > LONGEST_TYPED or not plain.isprintable() or not _BEGINS.match(plain):
            raise _not_a_number(plain, region)
        return phonenumbers.parse(plain, region if region in phonenumbers.SUPPORTED_REGIONS else "US")
    except NumberParseException:
        raise _not_a_number(plain, region) from None


def _not_a_number(plain: str, region: str) -> Refusal:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in plain[: LONGEST_TYPED + 1])
    shown = shown if len(shown) <= LONGEST_TYPED else shown[: LONGEST_TYPED - 1] + "…"
    return Refusal(
        "not_a_number",
        _("“%(typed)s” is not a phone number. Enter it as in %(example)s.")
        % {"typed": shown, "example": _example(region)},
    )


def _example(region: str) -> str:
    """How a number of the region is written at home, and how everywhere."""
    found = None if region in TEXTING_COUNTRIES else phonenumbers.example_number(region)
    if found is None:
        return _("(415) 555-0101 or +1 415 555 0101")
    at_home = phonenumbers.format_number(found, PhoneNumberFormat.NATIONAL)
    return _("%(national)s or %(international)s") % {"national": at_home, "international": _shown(found)}


def _refuse_unusable(number: PhoneNumber, plain: str, region: str) -> None:
    if len(str(number.national_number)) <= _LONGEST_SHORT:
        raise Refusal(
            "short_number",
            _("%(typed)s is a short number. Emergency and service numbers and short codes can’t be added.")
            % {"typed": plain},
        )
    if phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        raise Refusal("area_code_missing", _("%(typed)s has no area code. Enter the whole number.") % {"typed": plain})
    if not phonenumbers.is_valid_number(number):
        raise _not_a_number(plain, region)
    if number.extension:
        raise Refusal(
            "number_extension",
            _("%(typed)s has an extension. Enter the number without it.") % {"typed": plain},
        )


def _refuse_kind(number: PhoneNumber) -> None:
    kind = phonenumbers.number_type(number)
    words = {"number": _shown(number)}
    if kind == PhoneNumberType.TOLL_FREE:
        raise Refusal(
            "toll_free_number",
            _("%(number)s is toll-free. Users text from local numbers; toll-free numbers can’t be added.") % words,
        )
    if kind in (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST):
        raise Refusal(
            "premium_number", _("%(number)s is a premium-rate number. Premium-rate numbers can’t be added.") % words
        )
    if kind not in _ORDINARY:
        raise Refusal(
            "number_kind",
            _("%(number)s is not a number of a place or a mobile phone. Such numbers can’t be added.") % words,
        )


def _refuse_foreign(number: PhoneNumber, region: str) -> None:
    its = phonenumbers.region_code_for_number(number) or ""
    if its == region or (its in TEXTING_COUNTRIES and region in TEXTING_COUNTRIES):
        return
    if number.country_code != 1 and number.country_code == phonenumbers.country_code_for_region(region):
        return  # Places that share a country code and look alike: Guernsey and the United Kingdom.
    raise Refusal(
        "foreign_number",
        _("%(number)s is a number of another country: %(its)s, not %(here)s. Add it at a location there.")
        % {"number": _shown(number), "its": name_of(its), "here": name_of(region)},
    )


def _shown(number: PhoneNumber) -> str:
    return display(phonenumbers.format_number(number, PhoneNumberFormat.E164))
