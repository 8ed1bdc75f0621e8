"""What is typed into the pages of content rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.content_rules import LONGEST_ADVICE, LONGEST_NAME, LONGEST_PATTERN, state_of
from messaging.models import ContentRule
from messaging.models.policy import RuleAction, RuleKind
from provisioning.fingerprints import fingerprint
from provisioning.forms.refusable import RefusableForm
from provisioning.refusals import Refusal

LONGEST_TRY = 2000


class ContentRuleForm(RefusableForm):
    """A rule as its page shows it; `seen` tells what it was opened with."""

    name = forms.CharField(
        max_length=LONGEST_NAME, required=False, label=_("Name"), help_text=_("Senders are told it too."),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=_("What it looks for"), choices=RuleKind.choices, widget=forms.Select(attrs={"class": "input"})
    )
    pattern = forms.CharField(
        max_length=LONGEST_PATTERN, required=False, strip=False, label=_("Words, or the expression"),
        help_text=_(
            "Words and phrases one a line: whole words, whatever their case and accents. Or one regular expression in "
            "RE2’s syntax, without regard to case."
        ),
        widget=forms.Textarea(attrs={"class": "input", "rows": 6, "spellcheck": "false"}),
    )  # fmt: skip
    action = forms.ChoiceField(
        label=_("What happens"), choices=RuleAction.choices, widget=forms.Select(attrs={"class": "input"})
    )
    advice = forms.CharField(
        max_length=LONGEST_ADVICE, required=False, label=_("What the sender is told"),
        help_text=_("Say what to do instead. Shown to whoever writes such a text."),
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )  # fmt: skip
    active = forms.BooleanField(required=False, label=_("The rule is on"))
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    @classmethod
    def empty(cls) -> ContentRuleForm:
        return cls(initial={"kind": RuleKind.KEYWORDS, "action": RuleAction.BLOCK, "active": True})

    @classmethod
    def showing(cls, rule: ContentRule) -> ContentRuleForm:
        """The form as the rule stands in the database."""
        return cls(initial={**state_of(rule), "seen": fingerprint(state_of(rule))})

    @property
    def written_fields(self) -> list[Any]:
        return [self[name] for name in ("name", "kind", "pattern", "action", "advice")]

    @property
    def wanted(self) -> dict[str, Any]:
        """For content_rules.create_rule() and edit_rule()."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}

    def refuse(self, refusal: Refusal) -> None:
        """Beside the field it is about."""
        field = refusal.extra.get("field", "")
        if field not in self.fields:
            super().refuse(refusal)
            return
        self.http_status = refusal.http_status
        self.add_error(field, forms.ValidationError(refusal.sentence, code=refusal.code))

    def looked_again(self, rule: ContentRule) -> ContentRuleForm:
        """Keep what was typed, and take it that the person has now seen what stands in the database."""
        self.data = {**self.data.dict(), "seen": fingerprint(state_of(rule))}  # type: ignore[attr-defined]
        return self


class TryForm(forms.Form):
    """A text to hold against the rules. Nothing of it is kept."""

    text = forms.CharField(
        max_length=LONGEST_TRY, required=False, strip=False, label=_("Text"), label_suffix="",
        widget=forms.Textarea(attrs={"class": "input", "rows": 3, "autocomplete": "off"}),
    )  # fmt: skip
