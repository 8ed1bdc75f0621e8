"""Words that several models share."""

import unicodedata

from django.db import models
from django.utils.translation import gettext_lazy as _


class TextingSetting(models.TextChoices):
    """A location's or a user's own word on texting. DEFAULT defers to the level above."""

    DEFAULT = "default", _("Use the default")
    ON = "on", _("On")
    OFF = "off", _("Off")


class Country(models.TextChoices):
    """The countries in which texting exists. US territories have ISO codes of their own and count as US."""

    US = "US", _("United States")
    CA = "CA", _("Canada")


US_TERRITORIES = ("AS", "GU", "MP", "PR", "UM", "VI")
TEXTING_COUNTRIES = (Country.US.value, Country.CA.value, *US_TERRITORIES)
"""ISO 3166-1 codes of places whose locations can text: the US, its territories, Canada."""


def fold(text: str) -> str:
    """NFKC and casefold, for stored columns that search and sort without regard to case (SQLite folds only ASCII)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
