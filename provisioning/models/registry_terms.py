"""The Campaign Registry's own terms, as data: what a brand and a campaign can say of themselves.

Codes are the registry's in lower case. Throughput is the carriers': AT&T limits each campaign by its message class,
T-Mobile each brand by its tier.
"""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class EntityType(models.TextChoices):
    """What the business is in law; decides which fields a brand needs."""

    PRIVATE = "private", _("Private company")
    PUBLIC = "public", _("Publicly traded company")
    NON_PROFIT = "non_profit", _("Non-profit organization")
    GOVERNMENT = "government", _("Government")
    SOLE_PROPRIETOR = "sole_proprietor", _("Sole proprietor")


VERTICALS: Final[dict[str, str | Promise]] = {
    "agriculture": _("Agriculture"),
    "communication": _("Communication and media"),
    "construction": _("Construction"),
    "education": _("Education"),
    "energy": _("Energy and utilities"),
    "entertainment": _("Entertainment"),
    "financial": _("Financial services"),
    "gambling": _("Gambling and lottery"),
    "government": _("Government"),
    "healthcare": _("Healthcare and life sciences"),
    "hospitality": _("Hospitality and travel"),
    "human_resources": _("Human resources"),
    "insurance": _("Insurance"),
    "legal": _("Legal"),
    "manufacturing": _("Manufacturing"),
    "ngo": _("Non-profit organizations"),
    "political": _("Political"),
    "postal": _("Postal and delivery"),
    "professional": _("Professional services"),
    "real_estate": _("Real estate"),
    "retail": _("Retail and consumer products"),
    "technology": _("Information technology"),
    "transportation": _("Transportation and logistics"),
}

EXCHANGES: Final[dict[str, str | Promise]] = {
    "nasdaq": "NASDAQ",
    "nyse": "NYSE",
    "amex": _("NYSE American (AMEX)"),
    "tsx": _("Toronto (TSX)"),
    "asx": _("Australia (ASX)"),
    "b3": _("Brazil (B3)"),
    "bme": _("Spain (BME)"),
    "bse": _("Bombay (BSE)"),
    "fra": _("Frankfurt"),
    "icex": _("Iceland (ICEX)"),
    "jpx": _("Japan (JPX)"),
    "jse": _("Johannesburg (JSE)"),
    "krx": _("Korea (KRX)"),
    "lon": _("London (LSE)"),
    "nse": _("National India (NSE)"),
    "omx": _("Nasdaq Nordic (OMX)"),
    "sehk": _("Hong Kong (SEHK)"),
    "sgx": _("Singapore (SGX)"),
    "sse": _("Shanghai (SSE)"),
    "sto": _("Stockholm"),
    "swx": _("Switzerland (SIX)"),
    "szse": _("Shenzhen (SZSE)"),
    "twse": _("Taiwan (TWSE)"),
    "vse": _("Vancouver (TSX Venture)"),
}

COUNTRIES: Final[dict[str, str | Promise]] = {
    "US": _("United States"), "CA": _("Canada"), "AS": _("American Samoa"), "GU": _("Guam"),
    "MP": _("Northern Mariana Islands"), "PR": _("Puerto Rico"), "VI": _("U.S. Virgin Islands"),
    "AR": _("Argentina"), "AU": _("Australia"), "AT": _("Austria"), "BE": _("Belgium"), "BR": _("Brazil"),
    "CL": _("Chile"), "CN": _("China"), "CO": _("Colombia"), "CR": _("Costa Rica"), "CZ": _("Czechia"),
    "DK": _("Denmark"), "FI": _("Finland"), "FR": _("France"), "DE": _("Germany"), "GR": _("Greece"),
    "HK": _("Hong Kong"), "HU": _("Hungary"), "IN": _("India"), "IE": _("Ireland"), "IL": _("Israel"),
    "IT": _("Italy"), "JP": _("Japan"), "KR": _("South Korea"), "LU": _("Luxembourg"), "MX": _("Mexico"),
    "NL": _("Netherlands"), "NZ": _("New Zealand"), "NO": _("Norway"), "PL": _("Poland"), "PT": _("Portugal"),
    "RO": _("Romania"), "SG": _("Singapore"), "ZA": _("South Africa"), "ES": _("Spain"), "SE": _("Sweden"),
    "CH": _("Switzerland"), "TW": _("Taiwan"), "AE": _("United Arab Emirates"), "GB": _("United Kingdom"),
}  # fmt: skip
"""Where a brand can be at home and pay its taxes; US territories file with the IRS, as the US does."""
IRS_COUNTRIES: Final = ("US", "AS", "GU", "MP", "PR", "VI")

USE_CASES: Final[dict[str, str | Promise]] = {
    "2fa": _("Two-factor authentication"),
    "account_notification": _("Account notifications"),
    "customer_care": _("Customer care"),
    "delivery_notification": _("Delivery notifications"),
    "fraud_alert": _("Fraud alerts"),
    "higher_education": _("Higher education"),
    "marketing": _("Marketing"),
    "polling_voting": _("Polling and voting, not political"),
    "public_service_announcement": _("Public service announcements"),
    "security_alert": _("Security alerts"),
    "mixed": _("Mixed: two to five of the above"),
    "low_volume": _("Low volume, mixed"),
    "ucaas_low": _("Business phones (UCaaS), low volume"),
    "ucaas_high": _("Business phones (UCaaS), high volume"),
    "agents_franchises": _("Agents and franchises"),
    "carrier_exempt": _("Carrier exemption"),
    "charity": _("Charity (501(c)(3))"),
    "emergency": _("Emergency"),
    "k12_education": _("K-12 education"),
    "m2m": _("Machine to machine"),
    "political": _("Political"),
    "proxy": _("Proxy"),
    "social": _("Social"),
    "sole_proprietor": _("Sole proprietor"),
    "sweepstake": _("Sweepstakes"),
    "trial": _("Platform free trial"),
}
SUB_CASES: Final = tuple(USE_CASES)[:10]
"""The standard use cases: what a mixed one is put together from."""
SUB_CASE_RANGES: Final = {"mixed": (2, 5), "low_volume": (1, 5)}
"""Use cases that name others, and how many."""

THROUGHPUT_CLASSES: Final = {
    "A": 4500, "B": 4500, "C": 2400, "D": 2400, "E": 240, "F": 240, "T": 75, "W": 15,
    "G": 60, "K": 4500, "N": 60, "P": 2400, "S": 60_000, "X": 4500, "Y": 4500,
}  # fmt: skip
"""AT&T's message classes: segments a minute for one campaign (T: low volume, W: sole proprietors, G to Y: special)."""


class BrandTier(models.TextChoices):
    """T-Mobile's tiers, from the brand's vetting score."""

    TOP = "top", _("Top (score 75 to 100)")
    HIGH_MID = "high_mid", _("High mid (score 50 to 74)")
    LOW_MID = "low_mid", _("Low mid (score 25 to 49)")
    LOW = "low", _("Low (score 1 to 24, or not vetted)")
    SOLE = "sole", _("Sole proprietor")


SEGMENTS_A_DAY: Final = {
    BrandTier.TOP: 200_000, BrandTier.HIGH_MID: 40_000, BrandTier.LOW_MID: 10_000, BrandTier.LOW: 2_000,
    BrandTier.SOLE: 1_000,
}  # fmt: skip
"""What a brand may send to T-Mobile's customers a day, all its campaigns together."""
