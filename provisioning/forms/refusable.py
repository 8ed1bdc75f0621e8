"""Forms that show what the domain refused."""

from __future__ import annotations

from django import forms

from provisioning.refusals import Refusal


class RefusableForm(forms.Form):
    """A form that shows what the domain refused, and answers with its status."""

    http_status = 422

    def refuse(self, refusal: Refusal) -> None:
        """Show why, and what to do, beside the form."""
        self.http_status = refusal.http_status
        for sentence in filter(None, (refusal.sentence, refusal.extra.get("remedy"))):
            self.add_error(None, forms.ValidationError(sentence, code=refusal.code))
