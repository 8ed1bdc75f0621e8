"""What a requirement is, and what every rule has: its state in Python, the same as SQL, and its words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from django.db.models import Case, CharField, F, Q, Value, When
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from provisioning.eligibility.facts import OrganizationFacts, PlaceFacts, UserFacts
    from provisioning.eligibility.trouble import Trouble


class RequirementState(StrEnum):
    """WAITING: on another requirement, or on somebody else's answer; nothing to fix here yet."""

    MET = "met"
    NOT_MET = "not_met"
    WAITING = "waiting"

    @property
    def label(self) -> str:
        """The word at the end of the checklist's line."""
        return str(_STATE_LABELS[self])


_STATE_LABELS = {
    RequirementState.MET: _("Met"),
    RequirementState.NOT_MET: _("Not met"),
    RequirementState.WAITING: _("Waiting"),
}


class Gate(StrEnum):
    """What an unmet requirement stops. SENDING lets customers' replies still arrive."""

    TEXTING = "texting"
    SENDING = "sending"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of a checklist. `sentence` and `remedy` are empty when it is met; `detail` says what was found."""

    code: str
    state: RequirementState
    label: str
    detail: str
    sentence: str
    remedy: str
    gates: Gate

    @property
    def met(self) -> bool:
        return self.state is RequirementState.MET

    @property
    def stops_texting(self) -> bool:
        """Not met, and not only sending waits for it."""
        return not self.met and self.gates is Gate.TEXTING


@dataclass(frozen=True)
class Root:
    """Where an SQL condition starts from: how it reaches the organization's fields and id."""

    prefix: str
    key: str

    def where(self, **conditions: Any) -> Q:
        """Conditions on fields of the organization."""
        return Q(**{self.prefix + name: value for name, value in conditions.items()})

    @property
    def own_id(self) -> Any:
        """The organization's id, to compare another column with."""
        return F(self.key)


FROM_ORGANIZATION = Root(prefix="", key="pk")
FROM_USER = Root(prefix="organization__", key="organization_id")

Condition = Q | bool
"""A condition in SQL; True or False where it is decided before the database is asked."""
NOBODY: Final = Q(pk__in=[])


def all_of(conditions: Iterable[Condition]) -> Condition:
    """AND. False as soon as one is False, True when all are. What several of them ask for is asked once."""
    found: list[Any] = []
    for condition in conditions:
        if condition is False:
            return False
        if isinstance(condition, Q):
            flat = condition.connector == Q.AND and not condition.negated
            found += [child for child in (condition.children if flat else [condition]) if child not in found]
    return Q(*found) if found else True


def any_of(conditions: Iterable[Condition]) -> Condition:
    """OR. True as soon as one is True, False when all are."""
    found = Q()
    for condition in conditions:
        if condition is True:
            return True
        if condition is not False:
            found |= condition
    return found or False


def as_filter(condition: Condition) -> Q:
    """For `filter()`: False finds nothing, without asking the database."""
    if isinstance(condition, Q):
        return condition
    return Q() if condition else NOBODY


FactsT = TypeVar("FactsT", "OrganizationFacts", "PlaceFacts", "UserFacts")


class Rule(ABC, Generic[FactsT]):
    """One requirement. Subclasses put `state()` and its SQL next to each other, and say it in words."""

    code: ClassVar[str]
    label: ClassVar[StrPromise]
    gates: ClassVar[Gate] = Gate.TEXTING

    not_met: ClassVar[StrPromise]
    """Shown when it is not met."""
    not_met_for_user: ClassVar[StrPromise | None] = None
    """The same on a user's page and in the composer, where Cisco words it otherwise."""
    awaited: ClassVar[StrPromise | None] = None
    """Shown while somebody outside (the carrier, the registry) has yet to answer."""

    @abstractmethod
    def state(self, facts: FactsT) -> RequirementState:
        """The state, in Python."""

    @abstractmethod
    def met(self, root: Root) -> Q:
        """The condition under which `state()` is MET. It may be NULL in SQL, which counts as no."""

    def waiting(self, root: Root) -> Condition:
        """The condition under which `state()`, when not MET, is WAITING."""
        return False

    def where(self, state: RequirementState, root: Root) -> Condition:
        """Users whose `state()` is this one, as a condition that can use an index and, but for MET, is never NULL."""
        if state is RequirementState.MET:
            return self.met(root)
        if state is RequirementState.WAITING:
            return self.waiting(root)
        return self.failing(root)

    def failing(self, root: Root) -> Condition:
        """The condition under which `state()` is NOT_MET, spelled out: NOT leaves NULL as it is."""
        raise NotImplementedError

    def waits_for(self, facts: FactsT) -> str:
        """When WAITING on an earlier requirement, the sentence that names it; otherwise empty."""
        return ""

    def trouble(self, facts: FactsT) -> Trouble | None:
        """When NOT_MET by somebody's decision: what was decided, whose sentence and remedy stand in for the rule's."""
        return None

    def detail(self, facts: FactsT) -> str:
        """What was found, in a few words; empty when the label says it all."""
        return ""

    @abstractmethod
    def remedy(self, facts: FactsT) -> str:
        """What to do when it is not met or waiting, and who does it."""

    def sentence(self, state: RequirementState, *, for_user: bool) -> str:
        """What to show when this is the first requirement that is not met."""
        if state is RequirementState.WAITING and self.awaited is not None:
            return str(self.awaited)
        return str(self.not_met_for_user or self.not_met) if for_user else str(self.not_met)

    def requirement(self, facts: FactsT, *, for_user: bool) -> Requirement:
        """The line of a user's checklist, or of the organization's."""
        state = self.state(facts)
        unmet = state is not RequirementState.MET
        trouble = self.trouble(facts) if state is RequirementState.NOT_MET else None
        if trouble is not None:
            sentence, remedy = trouble.sentence, trouble.remedy
        elif unmet:
            sentence, remedy = self.waits_for(facts) or self.sentence(state, for_user=for_user), self.remedy(facts)
        else:
            sentence = remedy = ""
        return Requirement(
            code=self.code,
            state=state,
            label=str(self.label),
            detail=self.detail(facts),
            sentence=sentence,
            remedy=remedy,
            gates=self.gates,
        )

    def state_in_sql(self, root: Root) -> Case | Value:
        """`state()` as an SQL expression."""
        waiting = if_so(
            self.where(RequirementState.WAITING, root),
            Value(RequirementState.WAITING.value, output_field=CharField()),
            Value(RequirementState.NOT_MET.value, output_field=CharField()),
        )
        met = Value(RequirementState.MET.value, output_field=CharField())
        return if_so(self.where(RequirementState.MET, root), met, waiting)


def if_so(condition: Condition, then: Case | Value, otherwise: Case | Value) -> Case | Value:
    """The one value or the other. A condition that is NULL is no."""
    if isinstance(condition, Q):
        return Case(When(condition, then=then), default=otherwise, output_field=then.output_field)
    return then if condition else otherwise


def met_if(condition: bool) -> RequirementState:
    """MET or NOT_MET."""
    return RequirementState.MET if condition else RequirementState.NOT_MET
