"""gettext for what runs before, and beside, Django: the same catalogue, the language of the shell."""

import gettext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ = gettext.translation("django", localedir=ROOT / "locale", fallback=True).gettext


class Trouble(Exception):  # noqa: N818  (told to a person, not raised at a programmer)
    """Something a person has to see to. The text says what happened, then what to do."""
