"""The form that takes a file of users."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.csv_files import MOST_BYTES, too_large
from provisioning.forms.refusable import RefusableForm
from provisioning.refusals import Refusal


class UploadForm(RefusableForm):
    """A CSV file, and whether the users it creates are invited. What is wrong with the file is told beside it."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        allow_empty_file=True,
        max_length=None,
        error_messages={
            "required": gettext_lazy("Choose a CSV file."),
            "invalid": gettext_lazy("Choose a CSV file."),
        },
    )
    invite = forms.BooleanField(
        label=gettext_lazy("Invite new users by mail"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Each new user gets a link to choose a password. You can invite them later instead."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].widget.attrs.update({
            "class": "input", "accept": ".csv,text/csv", "data-most-bytes": MOST_BYTES,
            "data-too-large": str(too_large().sentence),
        })  # fmt: skip

    @property
    def content(self) -> bytes:
        """The file's bytes. No more than texting_hub/bodies.py lets in."""
        read: bytes = self.cleaned_data["file"].read()
        return read

    def refuse(self, refusal: Refusal) -> None:
        self.http_status = refusal.http_status
        again = _("Nothing was changed. Correct the file, then choose it again.")
        self.add_error("file", forms.ValidationError(str(refusal.sentence), code=refusal.code))
        self.add_error("file", forms.ValidationError(again, code="nothing_changed"))
