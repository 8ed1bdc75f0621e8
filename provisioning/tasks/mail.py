"""Mail on its way out."""

from __future__ import annotations

from celery import shared_task

from provisioning import mail, mail_delivery
from provisioning.clock import database_now


@shared_task(name=mail.SEND_TASK)
def send_mail() -> None:
    """Send what is due. Clears the flag before it looks, so that what is written from now on wakes us again."""
    mail.looking()
    mail_delivery.send_due(database_now())
