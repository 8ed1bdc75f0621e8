"""Opt-outs: who asked not to be texted. They outlive messages."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from provisioning.ids import new_id
from provisioning.models import Organization, PhoneNumber


class OptOut(models.Model):
    """One STOP and, once lifted, the START that ended it. `number` is empty when it counts for the organization."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="opt_outs")
    number = models.ForeignKey(PhoneNumber, null=True, blank=True, on_delete=models.PROTECT, related_name="opt_outs")
    counterpart = models.CharField(max_length=16)
    keyword = models.CharField(max_length=32)
    opted_out_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by_keyword = models.CharField(max_length=32, blank=True)

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")
        constraints = [
            # One standing opt-out a person and scope; also the look of policy at compose and dispatch.
            models.UniqueConstraint(
                fields=["organization", "counterpart", "number"],
                condition=models.Q(lifted_at__isnull=True, number__isnull=False),
                name="opt_out_once_a_number",
            ),
            models.UniqueConstraint(
                fields=["organization", "counterpart"],
                condition=models.Q(lifted_at__isnull=True, number__isnull=True),
                name="opt_out_once_an_organization",
            ),
        ]

    def __str__(self) -> str:
        return self.counterpart
