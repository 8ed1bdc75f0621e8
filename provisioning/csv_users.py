"""The columns of a file of users: what they are called, what their cells say and mean, and the template.

The names and the words in cells are the same in every language: a file outlives the page it came from. Every column is
written by the export; the importer reads the first eight, and passes over the others, which only inform.
An empty cell leaves everything as it is, in every column: a spreadsheet makes empty cells by itself. What can be taken
away has a word for it (`none`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning import csv_cells
from provisioning.csv_files import COMMENT, Sheet, unread
from provisioning.models import TextingSetting
from provisioning.models.choices import fold
from provisioning.models.users import License
from provisioning.refusals import Refusal

NONE: Final = "none"
"""The word that takes a location or a number away."""


@dataclass(frozen=True, slots=True)
class Column:
    """`key` is what our own code calls it; `also` are names that other files give it, folded to letters and digits."""

    key: str
    name: str
    help: str | Promise
    also: tuple[str, ...] = ()


COLUMNS: Final = (
    Column(
        "email", "Email",
        gettext_lazy("Required. Finds the user, in capital letters or not; a new address is a new user."),
        ("emailaddress", "mail", "userid", "useridemailrequired", "useridemail", "username"),
    ),
    Column("first_name", "First Name", gettext_lazy("Up to 100 characters."), ("givenname", "forename")),
    Column("last_name", "Last Name", gettext_lazy("Up to 100 characters."), ("surname", "familyname")),
    Column("location", "Location", gettext_lazy("The location’s name. “none” takes it away."), ("locationname",)),
    Column(
        "license", "License", gettext_lazy("Professional, Standard, or “none”. Only Professional can text."),
        ("callinglicense", "webexcallinglicense"),
    ),
    Column(
        "primary_number", "Primary Number",
        gettext_lazy(
            "A number of your inventory, like +14155550101 or (415) 555-0101; it is understood without the plus sign "
            "too. “none” takes it away."
        ),
        ("phonenumber", "phone", "number", "telephonenumber", "primaryphonenumber"),
    ),
    Column(
        "texting_setting", "Business Texting",
        gettext_lazy("“default” follows the location and organization; “on” or “off” overrides them."),
        ("texting", "textingsetting"),
    ),
    Column(
        "status", "Status",
        gettext_lazy("Active or Deactivated. Deactivating ends the user’s sessions at once."), ("userstatus",),
    ),
)  # fmt: skip
"""What can be edited. An export begins with these, the template has only these."""

INFORMATIVE: Final = ("Effective Texting", "Texting Source", "Why Not")
"""What comes of it. Written by the export; the importer knows them and reads nothing from them."""

EDITABLE: Final = {column.key: column for column in COLUMNS}
HEADER: Final = (*(column.name for column in COLUMNS), *INFORMATIVE)

_ACTIVE, _DEACTIVATED = "Active", "Deactivated"
_LICENSES: Final = {
    License.NONE.value: "No license",
    License.STANDARD.value: "Webex Calling Standard",
    License.PROFESSIONAL.value: "Webex Calling Professional",
}


def _letters(text: str) -> str:
    """What a column is recognized by: case, spaces and punctuation don't count."""
    return re.sub(r"[^a-z0-9]+", "", fold(text))


_KEYS: Final = {
    name: column.key for column in COLUMNS for name in (_letters(column.name), _letters(column.key), *column.also)
}
_INFORMATIVE: Final = {_letters(name) for name in INFORMATIVE}


def is_known(name: str) -> bool:
    """Whether a column of that name means anything here."""
    return _letters(name) in _KEYS or _letters(name) in _INFORMATIVE


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a file has its columns. `informative` and `unknown` are named to whoever uploads it."""

    keys: dict[int, str]
    informative: tuple[str, ...]
    unknown: tuple[str, ...]
    width: int

    @classmethod
    def of(cls, sheet: Sheet) -> Layout:
        """Refusal: `file_duplicate_column`, `file_no_email_column`."""
        keys: dict[int, str] = {}
        informative, unknown = [], []
        for index, name in enumerate(sheet.header):
            key = _KEYS.get(_letters(name))
            if key is not None:
                _refuse_second(key, keys, sheet)
                keys[index] = key
            elif _letters(name) in _INFORMATIVE:
                informative.append(name)
            elif name:
                unknown.append(unread(sheet, index))
        if "email" not in keys.values():
            sentence = _("This file has no column Email, by which users are found. Add it, as the template has it.")
            raise Refusal("file_no_email_column", sentence)
        return cls(keys, tuple(informative), tuple(unknown), len(sheet.header))

    def cells(self, row: Sequence[str]) -> dict[str, str]:
        """What a row says, by key. Empty cells say nothing."""
        return {key: row[index] for index, key in self.keys.items() if index < len(row) and row[index].strip()}


def _refuse_second(key: str, keys: dict[int, str], sheet: Sheet) -> None:
    first = next((index for index, found in keys.items() if found == key), None)
    if first is not None:
        words = {"column": EDITABLE[key].name, "first": sheet.header[first]}
        sentence = _("This file has two columns for %(column)s. Delete one of them, or rename it.")
        raise Refusal("file_duplicate_column", sentence % words)


def cells_of(user: Any, number: str | None) -> dict[str, str]:
    """What an export writes of a user in the columns that can be edited, by key. `user` has its location at hand."""
    return {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "location": user.location.name if user.location is not None else "",
        "license": license_words(user.license),
        "primary_number": number or "",
        "texting_setting": user.texting_setting,
        "status": status_words(user.is_active),
    }


def template() -> bytes:
    """The file to begin with: the columns, and below each a line that explains it and is not read."""
    first = _("%(mark)sThis row explains the columns and is not read. An empty cell leaves everything as it is. ")
    explained = [str(column.help) for column in COLUMNS]
    explained[0] = first % {"mark": COMMENT} + explained[0]
    return csv_cells.head(column.name for column in COLUMNS) + csv_cells.rows([map(csv_cells.safe, explained)])


_LICENSE_WORDS: Final = {
    **{_letters(words): code for code, words in _LICENSES.items()},
    **{code: code for code in License.values},
    "callingstandard": License.STANDARD.value,
    "callingprofessional": License.PROFESSIONAL.value,
}
_SETTING_WORDS: Final = {
    **{value: value for value in TextingSetting.values},
    **dict.fromkeys(("true", "yes", "enabled", "enable", "1"), TextingSetting.ON.value),
    **dict.fromkeys(("false", "no", "disabled", "disable", "0"), TextingSetting.OFF.value),
    "usethedefault": TextingSetting.DEFAULT.value,
}
"""Control Hub's own files say TRUE and FALSE, and so does a spreadsheet that thinks it knows better."""
_STATUS_WORDS: Final = {
    "active": True,
    "deactivated": False,
    "inactive": False,
}


def license_of(cell: str) -> str:
    """Refusal: `unknown_license`."""
    code = _LICENSE_WORDS.get(_letters(cell))
    if code is None:
        raise _not_one_of(
            "unknown_license",
            _("“%(typed)s” is not a license. Write %(choices)s."),
            cell,
            ", ".join(_LICENSES.values()),
        )
    return code


def setting_of(cell: str) -> str:
    """Refusal: `invalid_setting`."""
    setting = _SETTING_WORDS.get(_letters(cell))
    if setting is None:
        raise _not_one_of(
            "invalid_setting", _("“%(typed)s” is not a setting. Write %(choices)s."), cell, "default, on, off"
        )
    return setting


def is_active_of(cell: str) -> bool:
    """Refusal: `unknown_status`."""
    active = _STATUS_WORDS.get(_letters(cell))
    if active is None:
        choices = f"{_ACTIVE}, {_DEACTIVATED}"
        raise _not_one_of("unknown_status", _("“%(typed)s” is not a status. Write %(choices)s."), cell, choices)
    return active


def license_words(code: str) -> str:
    """A license as a cell says it."""
    return _LICENSES[code]


def status_words(active: bool) -> str:
    """A status as a cell says it."""
    return _ACTIVE if active else _DEACTIVATED


def takes_away(cell: str) -> bool:
    """Whether the cell is the word for nothing."""
    return fold(cell.strip()) == NONE


def _not_one_of(code: str, sentence: str, typed: str, choices: str) -> Refusal:
    return Refusal(code, sentence % {"typed": shortened(typed), "choices": choices})


def shortened(typed: str, most: int = 60) -> str:
    """What was typed, on one line and short enough to be quoted in a sentence."""
    line = " ".join(typed.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def named(keys: Sequence[str]) -> Iterator[str]:
    """Columns by the names that the file has for them."""
    return (EDITABLE[key].name for key in keys)
