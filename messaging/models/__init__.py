"""Texts and what surrounds them: conversations, messages, receipts, opt-outs, carriers, counters."""

from messaging.models.carriers import CarrierAccount, SendingNumber
from messaging.models.conversations import Conversation
from messaging.models.counts import DailyCount, OrganizationDay, OutcomeDay, OutcomeDelta, SameText
from messaging.models.exchanges import Exchange
from messaging.models.health import CarrierBatch, RelayMinute
from messaging.models.messages import Message
from messaging.models.optouts import OptOut
from messaging.models.pacing import BrandDay, CampaignPace
from messaging.models.policy import BlockedPerson, ContentRule
from messaging.models.receipts import Receipt

__all__ = [
    "BlockedPerson",
    "BrandDay",
    "CampaignPace",
    "CarrierAccount",
    "CarrierBatch",
    "ContentRule",
    "Conversation",
    "DailyCount",
    "Exchange",
    "Message",
    "OptOut",
    "OrganizationDay",
    "OutcomeDay",
    "OutcomeDelta",
    "Receipt",
    "RelayMinute",
    "SameText",
    "SendingNumber",
]
