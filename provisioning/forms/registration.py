"""The forms of a 10DLC brand and campaign: a draft takes whatever fits, submitting takes everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django import forms
from django.forms import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning.forms.refusable import RefusableForm
from provisioning.models import Brand, Campaign
from provisioning.models.registry_terms import COUNTRIES, EXCHANGES, SUB_CASES, USE_CASES, VERTICALS, EntityType
from provisioning.registration.checks import LENGTHS, MOST_SAMPLES, Problem, plain, problems_of
from provisioning.registration.drafts import BRAND_FIELDS, CAMPAIGN_FIELDS, brand_values, campaign_values

SAMPLES: Final = tuple(f"sample_{place}" for place in range(1, MOST_SAMPLES + 1))
_CHOOSE: Final = ("", gettext_lazy("Choose…"))


@dataclass(frozen=True, slots=True)
class Control:
    """One field as the template shows it. `fewest` and `most` characters, now `count`; `most` 0: not counted."""

    field: BoundField
    kind: str
    fewest: int = 0
    most: int = 0
    count: int = 0

    @classmethod
    def of(cls, bound: BoundField) -> Control:
        if isinstance(bound.field, forms.BooleanField):
            return cls(bound, "flag")
        if isinstance(bound.field, forms.MultipleChoiceField):
            return cls(bound, "several")
        if isinstance(bound.field, _Text) and bound.field.counts:
            fewest, most = bound.field.counts
            return cls(bound, "text", fewest, most, len(plain(str(bound.value() or ""))))
        return cls(bound, "text")


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a long form."""

    key: str
    title: str | Promise
    note: str | Promise
    controls: list[Control]


class _Text(forms.CharField):
    """Text that is kept as it was typed, counted with line breaks as one character; empty is allowed in a draft."""

    def __init__(self, label: Any, most: int, *, lines: int = 0, help_text: Any = "", counts: str = "") -> None:
        attributes: dict[str, Any] = {"class": "input", "autocomplete": "off"}
        widget: forms.Widget = forms.Textarea({**attributes, "rows": lines}) if lines else forms.TextInput(attributes)
        super().__init__(label=label, required=False, strip=False, widget=widget, help_text=help_text)
        self.most, self.counts = most, LENGTHS.get(counts)

    def clean(self, value: Any) -> str:
        text = plain(super().clean(value) or "")
        if len(text) > self.most:
            words = {"most": f"{self.most:,}", "count": f"{len(text):,}"}
            sentence = _("At most %(most)s characters can be kept. Now it has %(count)s.") % words
            raise forms.ValidationError(sentence, code="too_long")
        return text


class _Choice(forms.ChoiceField):
    def __init__(self, label: Any, choices: dict[str, Any], *, help_text: Any = "") -> None:
        widget = forms.Select({"class": "input"})
        super().__init__(
            label=label, required=False, choices=[_CHOOSE, *choices.items()], widget=widget, help_text=help_text
        )


def _flag(label: Any, help_text: Any = "") -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, help_text=help_text)


class _RegistrationForm(RefusableForm):
    """`was` is the revision the page showed when it was opened."""

    SECTIONS: ClassVar[tuple[tuple[str, Any, Any, tuple[str, ...]], ...]] = ()
    was = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def sections(self) -> Iterator[Section]:
        for key, title, note, names in self.SECTIONS:
            yield Section(key, title, note, [Control.of(self[name]) for name in names])

    def complain(self, problems: list[Problem]) -> None:
        """Show each sentence at its field, unless that says something already."""
        for problem in problems:
            if problem.field not in self.errors:
                self.add_error(problem.field, forms.ValidationError(problem.sentence, code=problem.code))

    @property
    def complaints(self) -> list[tuple[BoundField, str]]:
        """The first error of each field, in the order of the form, for the list at its top."""
        return [(self[name], str(self.errors[name][0])) for name in self.fields if name in self.errors]


class BrandForm(_RegistrationForm):
    entity_type = _Choice(gettext_lazy("Entity type"), dict(EntityType.choices))
    legal_name = _Text(
        gettext_lazy("Legal name"), 255, help_text=gettext_lazy("Exactly as on the tax registration, with Inc. or LLC.")
    )
    dba = _Text(
        gettext_lazy("Name customers know (DBA)"), 255, help_text=gettext_lazy("Leave it empty when it is the same.")
    )
    tax_id_country = _Choice(gettext_lazy("Country of the tax id"), COUNTRIES)
    tax_id = _Text(
        gettext_lazy("Tax id"), 21,
        help_text=gettext_lazy("US: the EIN, as in 12-3456789. Canada: the Business Number, as in 123456782."),
    )  # fmt: skip
    stock_symbol = _Text(
        gettext_lazy("Stock symbol"), 10, help_text=gettext_lazy("Publicly traded companies only, as in CSCO.")
    )
    stock_exchange = _Choice(gettext_lazy("Stock exchange"), EXCHANGES)
    street = _Text(gettext_lazy("Street"), 100)
    city = _Text(gettext_lazy("City"), 100)
    region = _Text(gettext_lazy("State or province"), 20, help_text=gettext_lazy("Two letters in the US and Canada."))
    postal_code = _Text(gettext_lazy("Postal code"), 10)
    country = _Choice(gettext_lazy("Country"), COUNTRIES)
    vertical = _Choice(gettext_lazy("Industry"), VERTICALS)
    website = _Text(
        gettext_lazy("Website"), 100, help_text=gettext_lazy("The registry looks at it to verify the business.")
    )
    contact_name = _Text(gettext_lazy("Contact name"), 200)
    contact_email = _Text(gettext_lazy("Contact e-mail"), 100)
    contact_phone = _Text(gettext_lazy("Contact phone"), 40, help_text=gettext_lazy("As in +1 415 555 0101."))

    SECTIONS = (
        (
            "business", gettext_lazy("Business"), gettext_lazy("Who texts. The registry compares it with tax records."),
            ("entity_type", "legal_name", "dba", "tax_id_country", "tax_id", "stock_symbol", "stock_exchange"),
        ),
        (
            "address", gettext_lazy("Address"), gettext_lazy("The registered address of the business."),
            ("street", "city", "region", "postal_code", "country"),
        ),
        (
            "profile", gettext_lazy("Profile and contact"),
            gettext_lazy("What the business does, and who answers the registry’s questions."),
            ("vertical", "website", "contact_name", "contact_email", "contact_phone"),
        ),
    )  # fmt: skip

    @classmethod
    def showing(cls, brand: Brand) -> BrandForm:
        """The form as it stands in the database."""
        return cls(initial={**{name: getattr(brand, name) for name in BRAND_FIELDS}, "was": brand.revision})

    @property
    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data.get(name, "") for name in BRAND_FIELDS}

    def check_complete(self) -> bool:
        """Whether it could be submitted; if not, each field says why."""
        self.full_clean()
        self.complain(problems_of(Brand(**brand_values(self.values))))
        return not self.errors


class CampaignForm(_RegistrationForm):
    name = _Text(gettext_lazy("Name"), 200, help_text=gettext_lazy("For you; the registry does not see it."))
    use_case = _Choice(gettext_lazy("Use case"), USE_CASES)
    sub_use_cases = forms.MultipleChoiceField(
        label=gettext_lazy("Made up of"), required=False, choices=[(key, USE_CASES[key]) for key in SUB_CASES],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Only for Mixed (two to five) and Low volume (one to five)."),
    )  # fmt: skip
    description = _Text(
        gettext_lazy("Description"), LENGTHS["description"][1], lines=4, counts="description",
        help_text=gettext_lazy("What the texts are for, who sends them and who gets them."),
    )  # fmt: skip
    message_flow = _Text(
        gettext_lazy("Message flow"), LENGTHS["message_flow"][1], lines=4, counts="message_flow",
        help_text=gettext_lazy("How people agree to be texted, and where: name the form, the page, or what is said."),
    )  # fmt: skip
    sample_1 = _Text(gettext_lazy("Sample message 1"), 1024, lines=3, counts="sample")
    sample_2 = _Text(gettext_lazy("Sample message 2"), 1024, lines=3, counts="sample")
    sample_3 = _Text(gettext_lazy("Sample message 3 (optional)"), 1024, lines=3, counts="sample")
    sample_4 = _Text(gettext_lazy("Sample message 4 (optional)"), 1024, lines=3, counts="sample")
    sample_5 = _Text(gettext_lazy("Sample message 5 (optional)"), 1024, lines=3, counts="sample")
    embedded_link = _flag(gettext_lazy("Texts have links"))
    embedded_phone = _flag(gettext_lazy("Texts have phone numbers"))
    number_pool = _flag(
        gettext_lazy("Number pool"), gettext_lazy("For more than 49 numbers. Carriers have to approve it.")
    )
    age_gated = _flag(
        gettext_lazy("Age-gated content"), gettext_lazy("Such as alcohol, where the law asks for an age.")
    )
    direct_lending = _flag(gettext_lazy("Direct lending or loans"))
    opt_in_keywords = _Text(
        gettext_lazy("Opt-in keywords"), 255, help_text=gettext_lazy("With commas between them. START is one of them.")
    )
    opt_in_message = _Text(gettext_lazy("Reply to an opt-in"), 320, lines=2, counts="opt_in_message")
    opt_out_keywords = _Text(
        gettext_lazy("Opt-out keywords"), 255, help_text=gettext_lazy("With commas between them. STOP is one of them.")
    )
    opt_out_message = _Text(gettext_lazy("Reply to an opt-out"), 320, lines=2, counts="opt_out_message")
    help_keywords = _Text(
        gettext_lazy("Help keywords"), 255, help_text=gettext_lazy("With commas between them. HELP is one of them.")
    )
    help_message = _Text(gettext_lazy("Reply to HELP"), 320, lines=2, counts="help_message")
    opt_in_message_fr = _Text(gettext_lazy("Reply to an opt-in, in French (optional)"), 320, lines=2)
    opt_out_message_fr = _Text(gettext_lazy("Reply to ARRET, in French (optional)"), 320, lines=2)
    help_message_fr = _Text(gettext_lazy("Reply to AIDE, in French (optional)"), 320, lines=2)
    privacy_url = _Text(gettext_lazy("Privacy policy"), 255, help_text=gettext_lazy("Its web address."))
    terms_url = _Text(
        gettext_lazy("Terms and conditions (optional)"), 255, help_text=gettext_lazy("Their web address.")
    )

    SECTIONS = (
        ("purpose", gettext_lazy("Purpose"), gettext_lazy("What you text, and how people agreed to it."),
         ("name", "use_case", "sub_use_cases", "description", "message_flow")),
        ("samples", gettext_lazy("Sample messages"),
         gettext_lazy("Two to five texts as your users send them. Name the business in them."), SAMPLES),
        ("content", gettext_lazy("Content"), gettext_lazy("What the texts have in them. Samples must agree with it."),
         ("embedded_link", "embedded_phone", "number_pool", "age_gated", "direct_lending")),
        ("keywords", gettext_lazy("Keywords and replies"),
         gettext_lazy("Texting Hub answers STOP, START and HELP with these words."),
         ("opt_in_keywords", "opt_in_message", "opt_out_keywords", "opt_out_message", "help_keywords", "help_message",
          "opt_in_message_fr", "opt_out_message_fr", "help_message_fr")),
        ("policies", gettext_lazy("Policies"), gettext_lazy("The registry opens these pages."),
         ("privacy_url", "terms_url")),
    )  # fmt: skip

    @classmethod
    def showing(cls, campaign: Campaign) -> CampaignForm:
        """The form as it stands in the database."""
        fields = [name for name in CAMPAIGN_FIELDS if name != "samples"]
        samples = dict(zip(SAMPLES, campaign.samples, strict=False))
        kept = {name: getattr(campaign, name) for name in fields}
        return cls(initial={**kept, **samples, "was": campaign.revision})

    @classmethod
    def empty(cls) -> CampaignForm:
        return cls.showing(Campaign(use_case=""))

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not name:
            raise forms.ValidationError(_("Give the campaign a name that tells it from others."), code="required")
        return name

    @property
    def values(self) -> dict[str, Any]:
        kept = {name: self.cleaned_data.get(name, "") for name in CAMPAIGN_FIELDS if name != "samples"}
        return {**kept, "samples": [self.cleaned_data.get(name, "") for name in SAMPLES]}

    def check_complete(self, brand: Brand) -> bool:
        """Whether it could be submitted; if not, each field says why."""
        self.full_clean()
        self.complain(problems_of(Campaign(brand=brand, **campaign_values(self.values))))
        return not self.errors
