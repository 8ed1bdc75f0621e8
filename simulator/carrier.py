"""The carrier itself: takes texts, owes receipts, carries texts from phones. One a process, on the event loop.

A text is answered only after it is committed, and its receipts are owed from the same commit on. What the behaviour
says of the answer (an error, silence, a hang-up) comes after that, so "taken" always means taken.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache

from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from simulator import rules as rule_book
from simulator import segments, texts
from simulator.behaviours import Behaviour
from simulator.courier import Courier
from simulator.ledger import Ledger
from simulator.log import Log
from simulator.models import Delivery, Registration, RegistryRule, Rule, Text
from simulator.numbers import grouped
from simulator.rules import EVERY_PHONE, Decision, Rules


class NoWebhookAddressError(Exception):
    """There is nowhere to post what a phone writes."""


class Carrier:
    def __init__(self) -> None:
        self.log = Log()
        self.rules = Rules()
        self.ledger = Ledger()
        self.courier = Courier(self.ledger, self.log)
        self.webhook_url: str = settings.WEBHOOK_URL
        self._tasks: list[asyncio.Task[None]] = []

    def load(self) -> None:
        """Take up what an earlier process left: rules, and webhooks still owed."""
        self.rules.load()
        self.courier.owe(list(Delivery.objects.filter(done_at__isnull=True).order_by("due_at")))

    def start(self) -> None:
        """Begin to write and to post. On the event loop."""
        self._tasks = [asyncio.create_task(self.ledger.run()), asyncio.create_task(self.courier.run())]

    async def stop(self) -> None:
        """Commit what was entered; what is owed stays owed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.courier.close()
        await self.ledger.close()

    async def take(self, text: Text, callback_url: str) -> Decision:
        """Treat one text as the rules say: take it or not, owe its receipts."""
        decision = self.rules.decide(text.phone)
        spent = decision.spent
        if spent is not None:
            await self.ledger.change(lambda: rule_book.write_spent(spent))
        if not decision.behaviour.takes:
            self.log.add(format_html(_("Not taken for {}: {}"), grouped(text.phone), decision.behaviour.label))
            return decision
        text.arrived = decision.behaviour.arrives
        owed = texts.receipts(text, decision, callback_url)
        await self.ledger.insert([text, *owed])
        self.courier.owe(owed)
        self._log_taken(text, owed)
        return decision

    def _log_taken(self, text: Text, owed: list[Delivery]) -> None:
        count = segments.count(text.body)
        sentence = ngettext("Accepted <code>{}</code>, {} segment", "Accepted <code>{}</code>, {} segments", count)
        self.log.add(format_html(sentence, text.carrier_id, count))
        if not owed:
            self.log.add(format_html(_("No receipt sent for <code>{}</code>"), text.carrier_id))

    async def carry(self, written: list[Text]) -> None:
        """Carry texts that phones wrote to the hub."""
        if not self.webhook_url:
            raise NoWebhookAddressError
        owed = [texts.inbound(text, self.webhook_url) for text in written]
        await self.ledger.insert([*written, *owed])
        self.courier.owe(owed)

    async def set_rule(self, behaviour: Behaviour, phones: list[str], code: str, remaining: int | None) -> None:
        """What happens to the next texts to these phones; no phones: to every phone, whatever was set for one."""
        forget = not phones
        new = [
            Rule(phone=phone, behaviour=behaviour.key, code=code, remaining=remaining)
            for phone in phones or [EVERY_PHONE]
        ]
        self.rules.replace(new, forget)
        await self.ledger.change(lambda: rule_book.write(new, forget))
        self.log.add(format_html(_("Carrier set to {}"), behaviour.label))

    async def drop_rules(self, phones: list[str]) -> None:
        """These phones have no rule of their own any more."""
        self.rules.drop(phones)
        await self.ledger.change(lambda: Rule.objects.filter(pk__in=phones).delete())

    async def reset(self) -> None:
        """Forget texts, rules and everything owed; phones and business names stay."""
        self.courier.forget()
        self.rules.replace([], forget=True)
        await self.ledger.change(_forget_everything)
        self.log.clear()


def _forget_everything() -> None:
    for model in (Delivery, Text, Rule, Registration, RegistryRule):
        model.objects.all().delete()


@lru_cache(maxsize=1)
def the_carrier() -> Carrier:
    """The carrier of this process; first asked for on its event loop."""
    return Carrier()
