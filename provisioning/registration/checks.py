"""What a registry wants of a brand and of a campaign, before anything is submitted: one sentence a field.

A draft may lack anything that fits its column; submitting takes all of this. Lengths are counted in characters, a line
break as one, as the forms count them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from provisioning.models import Brand, Campaign
from provisioning.models.registry_terms import (
    COUNTRIES,
    EXCHANGES,
    IRS_COUNTRIES,
    SUB_CASE_RANGES,
    SUB_CASES,
    USE_CASES,
    VERTICALS,
    EntityType,
)
from provisioning.registration import tax_ids

MOST_SAMPLES: Final = 5
FEWEST_SAMPLES: Final = 2
LENGTHS: Final = {
    "description": (40, 4096),
    "message_flow": (40, 2048),
    "sample": (20, 1024),
    "opt_in_message": (20, 320),
    "opt_out_message": (20, 320),
    "help_message": (20, 320),
}
"""Characters, fewest and most."""
_LINK = re.compile(r"https?://|\bwww\.|(?<![@\w.-])[a-z0-9-]+\.(?:com|net|org|io|link|ly)\b", re.IGNORECASE)
_KEYWORD = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*")
_US_ZIP = re.compile(r"\d{5}(-\d{4})?", re.ASCII)
_CA_POSTAL = re.compile(r"[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that keeps a registration from being submitted. `field` is the column, `sample_1` and so on apart."""

    field: str
    code: str
    sentence: str


def brand_problems(brand: Brand) -> list[Problem]:
    """Everything that keeps this brand from being submitted, in the order of the form."""
    return [problem for check in _BRAND_CHECKS for problem in check(brand)]


def campaign_problems(campaign: Campaign) -> list[Problem]:
    """The same for a campaign, whose brand has to be verified first."""
    return [problem for check in _CAMPAIGN_CHECKS for problem in check(campaign)]


def _identity(brand: Brand) -> Iterator[Problem]:
    if brand.entity_type not in EntityType.values:
        yield Problem("entity_type", "required", _("Choose what kind of organization this is."))
    if not brand.legal_name.strip():
        yield Problem("legal_name", "required", _("Enter the legal name, exactly as on the tax registration."))


def _tax_id(brand: Brand) -> Iterator[Problem]:
    country = brand.tax_id_country
    if brand.entity_type == EntityType.SOLE_PROPRIETOR and not brand.tax_id:
        return
    if country not in COUNTRIES:
        yield Problem("tax_id_country", "required", _("Choose the country that gave out the tax id."))
    if not brand.tax_id:
        yield Problem("tax_id", "required", _("Enter the tax id. Only a sole proprietor can do without one."))
    elif country in COUNTRIES and tax_ids.canonical(brand.tax_id, country) is None:
        yield Problem("tax_id", "invalid_tax_id", _tax_id_sentence(country))


def _tax_id_sentence(country: str) -> str:
    if country in IRS_COUNTRIES:
        return _("This is not an EIN. Enter nine digits that begin with an IRS prefix, as in 12-3456789.")
    if country == "CA":
        return _("This is not a Business Number. Enter its nine digits, as in 123456782 or 123456782RC0001.")
    return _("Enter the tax id in letters and digits, at most 21 of them.")


def _stock(brand: Brand) -> Iterator[Problem]:
    if brand.entity_type != EntityType.PUBLIC:
        return
    if not re.fullmatch(r"[A-Z0-9.\-]{1,10}", brand.stock_symbol.upper()):
        yield Problem("stock_symbol", "required", _("Enter the stock symbol, as in CSCO."))
    if brand.stock_exchange not in EXCHANGES:
        yield Problem("stock_exchange", "required", _("Choose the exchange that the stock is traded on."))


def _address(brand: Brand) -> Iterator[Problem]:
    if not brand.street.strip():
        yield Problem("street", "required", _("Enter street and number of the registered address."))
    if not brand.city.strip():
        yield Problem("city", "required", _("Enter the city."))
    if not _region_fits(brand):
        yield Problem("region", "required", _("Enter the state or province; in the US and Canada its two letters."))
    if not _postal_code_fits(brand):
        yield Problem("postal_code", "required", _("Enter the postal code as the country writes it, as in 94105."))
    if brand.country not in COUNTRIES:
        yield Problem("country", "required", _("Choose the country of the address."))


def _region_fits(brand: Brand) -> bool:
    if brand.country in ("US", "CA"):
        return re.fullmatch(r"[A-Za-z]{2}", brand.region.strip()) is not None
    return bool(brand.region.strip())


def _postal_code_fits(brand: Brand) -> bool:
    code = brand.postal_code.strip().upper()
    if brand.country in IRS_COUNTRIES:
        return _US_ZIP.fullmatch(code) is not None
    if brand.country == "CA":
        return _CA_POSTAL.fullmatch(code) is not None
    return bool(code)


def _business(brand: Brand) -> Iterator[Problem]:
    if brand.vertical not in VERTICALS:
        yield Problem("vertical", "required", _("Choose the industry."))
    if brand.website and not is_web_address(brand.website):
        yield Problem("website", "invalid", _("Enter a web address, as in https://www.example.com."))
    elif not brand.website and brand.entity_type != EntityType.SOLE_PROPRIETOR:
        yield Problem("website", "required", _("Enter the website. The registry looks at it to verify the business."))


def _contact(brand: Brand) -> Iterator[Problem]:
    if not brand.contact_name.strip():
        yield Problem("contact_name", "required", _("Enter who answers the registry’s questions."))
    if not _is_email(brand.contact_email):
        yield Problem("contact_email", "invalid", _("Enter an e-mail address, as in name@example.com."))
    if e164_of(brand.contact_phone) is None:
        yield Problem("contact_phone", "invalid", _("Enter a phone number, as in +1 415 555 0101."))


def _use_case(campaign: Campaign) -> Iterator[Problem]:
    if not campaign.name.strip():
        yield Problem("name", "required", _("Give the campaign a name that tells it from others."))
    if campaign.use_case not in USE_CASES:
        yield Problem("use_case", "required", _("Choose a use case."))
        return
    yield from _proprietor(campaign)
    fewest, most = SUB_CASE_RANGES.get(campaign.use_case, (0, 0))
    chosen = [case for case in campaign.sub_use_cases if case in SUB_CASES]
    if most and not fewest <= len(chosen) <= most:
        words = {"fewest": fewest, "most": most}
        sentence = _("Choose %(fewest)s to %(most)s use cases that this one is made of.") % words
        yield Problem("sub_use_cases", "wrong_number", sentence)


def _proprietor(campaign: Campaign) -> Iterator[Problem]:
    """Sole proprietors have a use case of their own, and only that."""
    proprietor = campaign.brand.entity_type == EntityType.SOLE_PROPRIETOR
    if proprietor and campaign.use_case != "sole_proprietor":
        yield Problem("use_case", "not_for_brand", _("A sole proprietor’s brand takes the use case Sole proprietor."))
    if not proprietor and campaign.use_case == "sole_proprietor":
        yield Problem("use_case", "not_for_brand", _("This use case is for brands of sole proprietors alone."))


def _texts(campaign: Campaign) -> Iterator[Problem]:
    what = {
        "description": _("Say what the texts are for and who gets them"),
        "message_flow": _("Say how people agree to be texted, and where"),
    }
    for name, sentence in what.items():
        yield from _length(name, getattr(campaign, name), *LENGTHS[name], sentence)


def _samples(campaign: Campaign) -> Iterator[Problem]:
    fewest, most = LENGTHS["sample"]
    given = list(campaign.samples)[:MOST_SAMPLES]
    for place in range(max(FEWEST_SAMPLES, len(given))):
        text = str(given[place]) if place < len(given) else ""
        if text or place < FEWEST_SAMPLES:
            yield from _length(f"sample_{place + 1}", text, fewest, most, _("Write a text as your users would send it"))
        yield from _announced(campaign, f"sample_{place + 1}", text)
    if len(campaign.samples) > MOST_SAMPLES:
        yield Problem(f"sample_{MOST_SAMPLES}", "too_many", _("Five samples are the most."))


def _announced(campaign: Campaign, field: str, text: str) -> Iterator[Problem]:
    """Registries reject samples that show what the campaign says it does not do."""
    if not campaign.embedded_link and _LINK.search(text):
        yield Problem(field, "has_link", _("This sample has a link. Say under Content that texts have links."))
    if not campaign.embedded_phone and _has_phone(text):
        yield Problem(field, "has_phone", _("This sample has a phone number. Say under Content that texts have them."))


def _has_phone(text: str) -> bool:
    return any(True for _found in phonenumbers.PhoneNumberMatcher(text, "US", phonenumbers.Leniency.VALID))


def _words(campaign: Campaign) -> Iterator[Problem]:
    """Keywords, and the texts that answer them."""
    for field, needed in (("opt_in_keywords", "START"), ("opt_out_keywords", "STOP"), ("help_keywords", "HELP")):
        words = keywords(getattr(campaign, field))
        if needed not in words or not all(_KEYWORD.fullmatch(word) for word in words):
            sentence = _("List keywords with commas between them; %(needed)s has to be one.") % {"needed": needed}
            yield Problem(field, "invalid_keywords", sentence)
    replies = {
        "opt_in_message": _("Write what people read who opt in"),
        "opt_out_message": _("Write what people read who opt out"),
        "help_message": _("Write what people read who ask for help"),
    }
    for name, sentence in replies.items():
        yield from _length(name, getattr(campaign, name), *LENGTHS[name], sentence)


def _links(campaign: Campaign) -> Iterator[Problem]:
    if not is_web_address(campaign.privacy_url):
        yield Problem("privacy_url", "invalid", _("Enter the web address of the privacy policy."))
    if campaign.terms_url and not is_web_address(campaign.terms_url):
        yield Problem("terms_url", "invalid", _("Enter the web address of the terms, or leave it empty."))


def _length(field: str, text: str, fewest: int, most: int, what: str) -> Iterator[Problem]:
    count = len(plain(text))
    if not fewest <= count <= most:
        words = {"what": what, "fewest": f"{fewest:,}", "most": f"{most:,}", "count": f"{count:,}"}
        sentence = _("%(what)s, in %(fewest)s to %(most)s characters. Now it has %(count)s.") % words
        yield Problem(field, "too_short" if count < fewest else "too_long", sentence)


_BRAND_CHECKS: Final[tuple[Callable[[Brand], Iterator[Problem]], ...]] = (
    _identity, _tax_id, _stock, _address, _business, _contact,
)  # fmt: skip
_CAMPAIGN_CHECKS: Final[tuple[Callable[[Campaign], Iterator[Problem]], ...]] = (
    _use_case, _texts, _samples, _words, _links,
)  # fmt: skip


def plain(text: str) -> str:
    """The text as it is counted and stored: line breaks are one character, no white space at its ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def keywords(typed: str) -> list[str]:
    """`stop, Stop All` as STOP and STOP ALL, each once."""
    return list(dict.fromkeys(word for part in typed.split(",") if (word := " ".join(part.split()).upper())))


def is_web_address(typed: str) -> bool:
    """http or https, with a host that has a dot in it."""
    try:
        parts = urlsplit(typed)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and re.fullmatch(r"[^\s.]+(\.[^\s.]+)+", host) is not None


def e164_of(typed: str) -> str | None:
    """The number in E.164 form; None when it is no valid number. Without a country code it is read as a US one."""
    try:
        number = phonenumbers.parse(typed, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_email(typed: str) -> bool:
    try:
        validate_email(typed)
    except ValidationError:
        return False
    return True


def problems_of(registration: Brand | Campaign) -> list[Problem]:
    """`brand_problems` or `campaign_problems`."""
    return brand_problems(registration) if isinstance(registration, Brand) else campaign_problems(registration)


def as_errors(problems: list[Problem]) -> list[Mapping[str, Any]]:
    """For a problem document: JSON pointers into the resource."""
    return [
        {"pointer": f"/{_pointer(problem.field)}", "code": problem.code, "detail": problem.sentence}
        for problem in problems
    ]


def _pointer(field: str) -> str:
    return f"samples/{int(field[7:]) - 1}" if field.startswith("sample_") else field
