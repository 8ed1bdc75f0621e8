"""What an organization does not want to be texted, and whom a user does not want to hear from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models import Organization, User


class RuleKind(models.TextChoices):
    KEYWORDS = "keywords", _("Words")
    EXPRESSION = "expression", _("Regular expression")


class RuleAction(models.TextChoices):
    BLOCK = "block", _("Refuse the text")
    CONFIRM = "confirm", _("Ask the sender to confirm")


class ContentRule(models.Model):
    """Words or an expression (RE2 syntax) that texts may not have. Without an organization it counts for all."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="content_rules"
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=12, choices=RuleKind.choices, default=RuleKind.KEYWORDS)
    pattern = models.TextField(_("words, or the expression"), max_length=4000)
    action = models.CharField(_("what happens"), max_length=8, choices=RuleAction.choices, default=RuleAction.BLOCK)
    advice = models.CharField(_("what the sender is told"), max_length=300, blank=True)
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("content rule")
        verbose_name_plural = _("content rules")
        ordering = ["name", "pk"]
        constraints = [
            # Two rules of one name could not be told apart in the audit log.
            models.UniqueConstraint(fields=["organization", "name"], name="content_rule_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class BlockedPerson(models.Model):
    """A person whom a user blocked, and, once lifted, until when. Neither texts the other in between."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="blocked_people")
    counterpart = models.CharField(max_length=16)
    blocked_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("blocked person")
        verbose_name_plural = _("blocked people")
        constraints = [
            # One standing block a user and person; also the look of policy at compose, dispatch and arrival.
            models.UniqueConstraint(
                fields=["user", "counterpart"], condition=models.Q(lifted_at__isnull=True), name="blocked_once"
            ),
        ]

    def __str__(self) -> str:
        return self.counterpart
