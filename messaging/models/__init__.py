"""Texts and what surrounds them: conversations, messages, receipts, opt-outs, carriers, counters."""

from messaging.models.carriers import CarrierAccount, SendingNumber
from messaging.models.conversations import Conversation
from messaging.models.counts import DailyCount, OrganizationDay, OutcomeDay, OutcomeDelta
from messaging.models.health import CarrierBatch
from messaging.models.messages import Message
from messaging.models.optouts import OptOut
from messaging.models.receipts import Receipt

__all__ = [
    "CarrierAccount",
    "CarrierBatch",
    "Conversation",
    "DailyCount",
    "Message",
    "OptOut",
    "OrganizationDay",
    "OutcomeDay",
    "OutcomeDelta",
    "Receipt",
    "SendingNumber",
]
