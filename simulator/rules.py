"""Which behaviour the next text gets: a phone's own rule, else the rule for every phone, else Delivered."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.behaviours import BEHAVIOURS, DEFAULT, DEFAULT_CODE, Behaviour
from simulator.models import Rule

EVERY_PHONE = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one text. `spent` is the rule that must be written again because it counts down."""

    behaviour: Behaviour
    code: str
    remaining: int | None = None
    spent: Rule | None = None


class Rules:
    """The rules in memory; whoever changes one also writes it (see carrier.py)."""

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}

    def load(self) -> None:
        """Read what was set before a restart."""
        self._rules = {rule.phone: rule for rule in Rule.objects.all()}

    def replace(self, rules: list[Rule], forget: bool) -> None:
        """Set rules; `forget` drops all others first."""
        if forget:
            self._rules.clear()
        self._rules.update({rule.phone: rule for rule in rules})

    def drop(self, phones: list[str]) -> None:
        """Forget the rules of these phones."""
        for phone in phones:
            self._rules.pop(phone, None)

    def of(self, phone: str) -> Rule | None:
        """The phone's own rule."""
        return self._rules.get(phone)

    def shown(self, phone: str) -> Decision:
        """What the next text to a phone would get, without using anything up."""
        rule = self._rules.get(phone) or self._rules.get(EVERY_PHONE)
        if rule is None:
            return Decision(DEFAULT, DEFAULT_CODE)
        return Decision(BEHAVIOURS[rule.behaviour], rule.code, rule.remaining)

    def decide(self, phone: str) -> Decision:
        """The decision for one text that is here now; counts down a rule for the next N texts."""
        rule = self._rules.get(phone) or self._rules.get(EVERY_PHONE)
        decision = self.shown(phone)
        if rule is None or rule.remaining is None:
            return decision
        rule.remaining -= 1
        if rule.remaining == 0:
            del self._rules[rule.phone]
        return Decision(decision.behaviour, decision.code, rule.remaining, spent=rule)


def write_spent(rule: Rule) -> None:
    """Write a counted-down rule, or remove it when it is used up."""
    if rule.remaining:
        Rule.objects.filter(pk=rule.pk).update(remaining=rule.remaining)
    else:
        Rule.objects.filter(pk=rule.pk).delete()


def write(rules: list[Rule], forget: bool) -> None:
    """Write newly set rules."""
    if forget:
        Rule.objects.all().delete()
    for rule in rules:
        rule.save()
