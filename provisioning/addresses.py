"""The emergency address of a location: what help is sent to when somebody there calls 911.

US and Canadian addresses are checked as far as their form goes: a state or province that exists, a ZIP or Canadian
postal code that can exist (Canada Post: no D, F, I, O, Q, U; no W or Z in front). Elsewhere an address stays as typed.
A location on Cisco PSTN in the US or Canada needs one; who made the location before that was asked is only warned.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.models import Country, Location
from provisioning.models.choices import TEXTING_COUNTRIES, US_TERRITORIES, fold
from provisioning.models.organizations import PstnConnection

US_STATES: Final[dict[str, str]] = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip
TERRITORIES: Final[dict[str, str]] = {
    "AS": "American Samoa", "GU": "Guam", "MP": "Northern Mariana Islands", "PR": "Puerto Rico",
    "UM": "U.S. Outlying Islands", "VI": "U.S. Virgin Islands",
}  # fmt: skip
PROVINCES: Final[dict[str, str]] = {
    "AB": "Alberta", "BC": "British Columbia", "MB": "Manitoba", "NB": "New Brunswick",
    "NL": "Newfoundland and Labrador", "NT": "Northwest Territories", "NS": "Nova Scotia", "NU": "Nunavut",
    "ON": "Ontario", "PE": "Prince Edward Island", "QC": "Quebec", "SK": "Saskatchewan", "YT": "Yukon",
}  # fmt: skip

_ZIP = re.compile(r"(\d{5})(?:[ -]?(\d{4}))?", re.ASCII)
_CANADIAN = re.compile(r"([ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z])[ -]?(\d[ABCEGHJ-NPRSTV-Z]\d)", re.ASCII)

NEEDED: Final[dict[str, Promise]] = {
    "street": gettext_lazy("Enter the street and house number."),
    "city": gettext_lazy("Enter the city."),
    "state": gettext_lazy("Enter the state or province."),
    "postal_code": gettext_lazy("Enter the postal code."),
}


@dataclass(frozen=True, slots=True)
class Address:
    """As stored: in its normal form, or as typed where it has none."""

    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""

    @classmethod
    def of(cls, location: Location) -> Address:
        return cls(**{name: getattr(location, f"emergency_{name}") for name in PARTS})

    @property
    def blank(self) -> bool:
        return not any(asdict(self).values())

    def __str__(self) -> str:
        """One line, as it is written on an envelope."""
        last = " ".join(filter(None, (self.state, self.postal_code)))
        return ", ".join(filter(None, (self.street, self.unit, self.city, last)))


PARTS: Final = tuple(field.name for field in fields(Address))


def needed_at(country: str, pstn_connection: str) -> bool:
    """Whether a location must have one: Cisco PSTN routes its emergency calls in the US and Canada."""
    return country in TEXTING_COUNTRIES and pstn_connection == PstnConnection.CISCO_PSTN


def is_missing(location: Location) -> bool:
    """Needed and not there, or not whole: a warning on its page."""
    if not needed_at(location.country, location.pstn_connection):
        return False
    address = Address.of(location)
    return not all(getattr(address, name) for name in NEEDED)


def normal(typed: Mapping[str, str], country: str) -> Address:
    """Blanks trimmed, codes in capitals, a state by name as its code. What has no normal form stays as typed."""
    parts = {name: " ".join(str(typed.get(name) or "").split()) for name in PARTS}
    if country in TEXTING_COUNTRIES:
        parts["state"] = _code_of(parts["state"], _states_of(country))
        parts["postal_code"] = _normal_postal_code(parts["postal_code"].upper(), country)
    return Address(**parts)


def problems(address: Address, country: str, *, needed: bool) -> dict[str, str]:
    """What is wrong, by part. An address is whole or absent; absent is fine unless it is `needed`."""
    if country not in TEXTING_COUNTRIES or (address.blank and not needed):
        return {}
    found = {name: str(sentence) for name, sentence in NEEDED.items() if not getattr(address, name)}
    if address.state and address.state not in _states_of(country):
        found["state"] = _no_such_state(address.state, country)
    if address.postal_code and not _form_of(country).fullmatch(address.postal_code):
        found["postal_code"] = _no_such_postal_code(address.postal_code, country)
    return found


def _states_of(country: str) -> dict[str, str]:
    if country == Country.CA:
        return PROVINCES
    return {country: TERRITORIES[country]} if country in US_TERRITORIES else US_STATES | TERRITORIES


def _code_of(typed: str, names: Mapping[str, str]) -> str:
    """`ontario` and `on` as ON; what is neither as typed."""
    by_name = {_plain(name): code for code, name in names.items()}
    return typed.upper() if typed.upper() in names else by_name.get(_plain(typed), typed)


def _plain(name: str) -> str:
    """Folded, without accents: Québec is Quebec."""
    return "".join(c for c in unicodedata.normalize("NFKD", fold(name)) if not unicodedata.combining(c))


def _form_of(country: str) -> re.Pattern[str]:
    return _CANADIAN if country == Country.CA else _ZIP


def _normal_postal_code(typed: str, country: str) -> str:
    found = _form_of(country).fullmatch(typed)
    if found is None:
        return typed
    return (" " if country == Country.CA else "-").join(filter(None, found.groups()))


def _no_such_state(typed: str, country: str) -> str:
    if country == Country.CA:
        return _("“%(typed)s” is not a province or territory of Canada. Write it like BC.") % {"typed": typed}
    if country in US_TERRITORIES:
        return _("The state of an address there is %(code)s.") % {"code": country}
    return _("“%(typed)s” is not a state of the US. Write it like CA.") % {"typed": typed}


def _no_such_postal_code(typed: str, country: str) -> str:
    if country == Country.CA:
        return _("“%(typed)s” is not a Canadian postal code. Write it like V6B 4Y8.") % {"typed": typed}
    return _("“%(typed)s” is not a ZIP code. Write it like 94105 or 94105-2203.") % {"typed": typed}
