"""What is done to many numbers at once: one list for the Numbers page, its tasks and the API."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from provisioning import number_inventory
from provisioning.changes import Actor
from provisioning.models import Campaign, Location, PhoneNumber, RowOutcome, User
from provisioning.models.users import License
from provisioning.number_assignment import assign_many
from provisioning.number_inventory import BATCH, RELEASES, Result
from provisioning.number_selection import as_id
from provisioning.numbers import national
from provisioning.refusals import Refusal
from provisioning.roles import Permission, administered_locations
from provisioning.scoping import campaigns_in_reach, locations_in_reach


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: the location or the campaign that an action needs; and whose users a location administrator reaches."""

    location: Location | None = None
    campaign: Campaign | None = None
    bound_to: frozenset[Any] | None = None


Run = Callable[[Sequence[PhoneNumber], Target, Actor, datetime], list[Result]]


@dataclass(frozen=True, slots=True)
class NumberAction:
    """One action: who may, what it needs (`location`, `campaign`, or nothing), how many go into one transaction."""

    code: str
    title: str | Promise
    effect: str | Promise
    run: Run
    permission: Permission = Permission.CHANGE_NUMBERS
    needs: str = ""
    batch: int = BATCH
    harmful: bool = False


def target_of(action: NumberAction, administrator: User, arguments: Mapping[str, Any]) -> Target:
    """What the action needs, among what the administrator reaches now. Refusal: it is not there (any longer)."""
    if action.needs == "location":
        return Target(location=location_named(arguments.get("location_id"), administrator))
    if action.needs == "campaign":
        return Target(campaign=campaign_named(arguments.get("campaign_id"), administrator))
    return Target(bound_to=administered_locations(administrator))


def location_named(location_id: Any, administrator: User) -> Location:
    """Refusal: `unknown_location`."""
    location = locations_in_reach(administrator).filter(pk=as_id(location_id)).first()
    if location is None:
        raise Refusal("unknown_location", _("This location isn’t there (any longer). Choose another one."))
    return location


def campaign_named(campaign_id: Any, administrator: User) -> Campaign:
    """Refusal: `unknown_campaign`."""
    campaign = campaigns_in_reach(administrator).filter(pk=as_id(campaign_id)).first()
    if campaign is None:
        raise Refusal("unknown_campaign", _("This campaign isn’t there (any longer). Choose another one."))
    return campaign


def _activate(numbers: Sequence[PhoneNumber], target: Target, actor: Actor, now: datetime) -> list[Result]:
    return number_inventory.set_active(numbers, True, actor, now)


def _deactivate(numbers: Sequence[PhoneNumber], target: Target, actor: Actor, now: datetime) -> list[Result]:
    return number_inventory.set_active(numbers, False, actor, now)


def _move(numbers: Sequence[PhoneNumber], target: Target, actor: Actor, now: datetime) -> list[Result]:
    assert target.location is not None
    return number_inventory.move(numbers, target.location, actor, now)


def _link(numbers: Sequence[PhoneNumber], target: Target, actor: Actor, now: datetime) -> list[Result]:
    return number_inventory.link(numbers, target.campaign, actor, now)


def _release(numbers: Sequence[PhoneNumber], target: Target, actor: Actor, now: datetime) -> list[Result]:
    return number_inventory.release(numbers, actor, now)


def _unassign(numbers: Sequence[PhoneNumber], target: Target, actor: Actor, now: datetime) -> list[Result]:
    holders = User.objects.in_bulk([number.user_id for number in numbers if number.user_id is not None])
    answers: dict[uuid.UUID, Refusal | None] = {}
    pairs: list[tuple[User, PhoneNumber]] = []
    for number in numbers:
        holder = holders.get(number.user_id) if number.user_id is not None else None
        if holder is not None and target.bound_to is not None and holder.location_id not in target.bound_to:
            answers[number.pk] = out_of_reach()
        elif holder is not None:
            pairs.append((holder, number))
    refusals = assign_many([(holder, None) for holder, _number in pairs], actor, now)
    answers |= {number.pk: refusal for (_holder, number), refusal in zip(pairs, refusals, strict=True)}
    return [_result(number, answers) for number in numbers]


def out_of_reach() -> Refusal:
    """A location administrator takes nothing from users of other locations."""
    return Refusal("number_taken", _("A user of another location has this number. Ask a full administrator."))


def _assign(numbers: Sequence[PhoneNumber], target: Target, actor: Actor, now: datetime) -> list[Result]:
    """Each free number to the next user of its location who has none."""
    free = [number for number in numbers if number.user_id is None]
    waiting = _users_without_number(free)
    pairs: list[tuple[User, PhoneNumber]] = []
    answers: dict[uuid.UUID, Refusal | None] = {}
    for number in free:
        people = waiting[number.location_id]
        if people:
            pairs.append((people.pop(), number))
        else:
            answers[number.pk] = _nobody_waits(number)
    for (_user, number), refusal in zip(pairs, assign_many(pairs, actor, now), strict=True):
        answers[number.pk] = refusal
    return [_result(number, answers) for number in numbers]


def _result(number: PhoneNumber, answers: Mapping[uuid.UUID, Refusal | None]) -> Result:
    """Refused, changed, or (without an answer) unchanged."""
    refusal = answers.get(number.pk)
    if refusal is not None:
        return Result(number.e164, RowOutcome.REFUSED, number.pk, refusal)
    outcome = RowOutcome.CHANGED if number.pk in answers else RowOutcome.UNCHANGED
    return Result(number.e164, outcome, number.pk)


def _users_without_number(numbers: Sequence[PhoneNumber]) -> dict[uuid.UUID | None, list[User]]:
    """Users with a Webex Calling license and no number: of each location the first few, last one first."""
    places = {number.location_id for number in numbers if number.location_id is not None}
    place = Window(RowNumber(), partition_by=F("location"), order_by=["sort_name", "pk"])
    people = User.objects.filter(location__in=places, is_active=True, primary_number__isnull=True)
    people = people.exclude(license=License.NONE).annotate(place=place).filter(place__lte=len(numbers))
    found: dict[uuid.UUID | None, list[User]] = defaultdict(list)
    for user in people.order_by("-sort_name", "-pk"):
        found[user.location_id].append(user)
    return found


def _nobody_waits(number: PhoneNumber) -> Refusal:
    words = {"number": national(number.e164)}
    sentence = _("%(number)s stays free: every user with a Webex Calling license at its location has a number.")
    return Refusal("nobody_waits", sentence % words)


ACTIONS: Final[dict[str, NumberAction]] = {
    action.code: action
    for action in (
        NumberAction(
            "assign", gettext_lazy("Assign to users without a number"),
            gettext_lazy(
                "Each free number becomes the primary number of a user at its location who has a Webex Calling license "
                "and no number yet, in order of name. Numbers that somebody has stay as they are."
            ),
            _assign, Permission.ASSIGN_NUMBERS,
        ),
        NumberAction(
            "unassign", gettext_lazy("Take away from users"),
            gettext_lazy("The numbers stay in the inventory, free. Their users can’t text without another one."),
            _unassign, Permission.ASSIGN_NUMBERS, harmful=True,
        ),
        NumberAction(
            "activate", gettext_lazy("Activate"), gettext_lazy("Their users can use them again."), _activate
        ),
        NumberAction(
            "deactivate", gettext_lazy("Deactivate"),
            gettext_lazy("Their users keep them, but can’t text until the numbers are activated again."),
            _deactivate, harmful=True,
        ),
        NumberAction(
            "move", gettext_lazy("Move to a location"), gettext_lazy("Users keep their numbers."), _move,
            needs="location",
        ),
        NumberAction(
            "link", gettext_lazy("Link to a campaign"),
            gettext_lazy("Texts from these numbers go out under this campaign, in place of the one they have now."),
            _link, needs="campaign",
        ),
        NumberAction(
            "unlink", gettext_lazy("Unlink from their campaign"),
            gettext_lazy("Nobody can send texts from these numbers until they are linked again. Texts still arrive."),
            _link, harmful=True,
        ),
        NumberAction(
            "delete", gettext_lazy("Delete"),
            gettext_lazy(
                "The numbers leave your inventory, and their users have none. Messages and opt-outs stay. "
                "You can add the numbers again, unless another customer does so first."
            ),
            _release, batch=RELEASES, harmful=True,
        ),
    )
}  # fmt: skip
