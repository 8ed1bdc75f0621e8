"""To the registry, at most once. A submission is billable and not idempotent.

    submit ──commit──▶ claim ──commit──▶ the registry ──▶ settled ──commit
    waiting            sending           no transaction   taken | refused

What must never happen, and what prevents it:
1. The registry is handed one submission twice. Bytes leave only after `sending` was committed by a compare-and-set on
   `waiting`, so of two workers one loses and sends nothing. It goes back to `waiting` only when the registry cannot
   have taken it (Unavailable), and only while the claim is still the same. A worker that was asleep for longer than
   SLEEPS_AT_MOST after its claim sends nothing either.
2. A submission is lost. Every step is a commit. Killed before the claim: it is still `waiting`, and the sweep sends
   it. Killed after the claim, or no usable answer: it stays `sending`, and the sweep asks the registry for it by our
   reference, again and again. What it finds, counts.
3. "Not taken" is said too early. A lookup may lag behind, so finding nothing counts only when it was asked later than
   the claim, the time a request can take, and the registry's own word on how late its lookups are (settles_after).
   Then it is a draft again and a person decides: nothing is sent again by itself. Should the registry name it all the
   same one day, it is taken after all (notices.py).
4. An administrator changes what is under way: what is sent was frozen in `document`, and the row can't be edited.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from provisioning import clock
from provisioning.alerts import clear_alert, raise_alert
from provisioning.changes import Actor
from provisioning.ids import new_id
from provisioning.models import Brand, Campaign, RegistryAccount, RegistrySubmission, SubmissionState
from provisioning.models.registration import EDITABLE, BrandStatus
from provisioning.refusals import Refusal
from provisioning.registration import states, wakeups
from provisioning.registration.checks import as_errors, problems_of
from provisioning.registration.documents import document_of
from provisioning.registration.drafts import refuse_unless_editable, refuse_without_addon
from provisioning.registration.registries import UnknownRegistry, registry_of
from provisioning.registration.registries.base import Fact, Refused, Registry, Unavailable, Unconfirmed
from provisioning.vault import Unreadable

logger = structlog.get_logger(__name__)

SLEEPS_AT_MOST: Final = 5.0
"""Seconds between the claim and the first byte."""
LONGEST_REQUEST: Final = timedelta(seconds=60)
"""No request lives longer than this after its claim; until then a lookup that finds nothing says nothing."""
FIRST_LOOK: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(minutes=5)
GIVE_UP_AFTER: Final = timedelta(hours=24)
"""A registry that cannot be reached for this long: a draft again."""
ALERT_AFTER: Final = timedelta(minutes=10)
"""Without an answer for this long: the provider is told."""
SILENT_FOR: Final = timedelta(hours=1)
"""A registration that is pending for as long is asked about: its webhook may be lost."""
STILL_SO: Final = timedelta(hours=24)
"""And one that was accepted, whether it still is."""
SWEEPS_AT_MOST: Final = 20.0
"""Seconds. A registry that answers slowly must not hold up the worker's other work."""
Clock = Callable[[], datetime]


def submit(row: Brand | Campaign, actor: Actor, now: datetime) -> RegistrySubmission:
    """Have a brand or campaign handed in by a worker, once this has committed.

    Refusal: `addon_license`, `with_registry`, `brand_not_verified`, `incomplete` (with errors),
    `registry_not_connected`.
    """
    with transaction.atomic():
        row = states.locked(row)
        refuse_without_addon(row.organization)
        refuse_unless_editable(row)
        _refuse_unless_complete(row)
        account = _account_for(row)
        submission = RegistrySubmission.objects.create(
            organization_id=row.organization_id, account=account, created_at=now, look_at=now,
            brand=row if isinstance(row, Brand) else None, campaign=row if isinstance(row, Campaign) else None,
            document=document_of(row, callback_url(account)), requested_by_id=actor.user_id,
        )  # fmt: skip
        states.begin(row, submission, actor, now)
        transaction.on_commit(lambda: wakeups.wake(submission.pk))
    return submission


def callback_url(account: RegistryAccount) -> str:
    """Our address for this account's webhooks, as the registry is told it."""
    return f"{settings.PUBLIC_URL}{reverse('registry_webhook', args=[account.pk])}"


def _refuse_unless_complete(row: Brand | Campaign) -> None:
    problems = problems_of(row)
    if problems:
        sentence = _("Some fields are not as the registry needs them. Correct them, then submit it.")
        raise Refusal("incomplete", sentence, errors=as_errors(problems))
    if isinstance(row, Campaign) and row.brand.status != BrandStatus.VERIFIED:
        sentence = _("A campaign can be submitted once its brand is verified. Save it as a draft until then.")
        raise Refusal("brand_not_verified", sentence, http_status=409)


def _account_for(row: Brand | Campaign) -> RegistryAccount:
    """Where the brand was registered; for a first submission the account that takes new ones."""
    if isinstance(row, Campaign) and row.brand.submission is not None:
        return row.brand.submission.account
    if row.submission is not None:
        return row.submission.account
    account = RegistryAccount.objects.filter(active=True).order_by("created_at", "pk").first()
    if account is None:
        sentence = _("No registry is connected yet, so nothing can be submitted. Your provider connects one.")
        raise Refusal("registry_not_connected", sentence, http_status=409)
    return account


def send(submission_id: uuid.UUID | str, now: Clock = clock.database_now) -> None:
    """Hand in one submission that waits. Does nothing when it does not wait (any more)."""
    claimed = _claim(submission_id, now())
    if claimed is None:
        return
    latest = time.monotonic() + SLEEPS_AT_MOST
    try:
        fact = _hand_in(claimed, latest)
    except Unavailable as error:
        _put_back(claimed, error, now())
    except Unconfirmed as error:
        logger.warning("registry_unconfirmed", submission=str(claimed.pk), error=error.detail)
        _look_again(claimed, error.detail, now())
    except Refused as error:
        _settle(claimed, SubmissionState.REFUSED, error.fact, now())
    else:
        _settle(claimed, SubmissionState.TAKEN, fact, now())


def _claim(submission_id: uuid.UUID | str, now: datetime) -> RegistrySubmission | None:
    """Commit `sending`. The worker that wins is the only one that may send."""
    token = new_id()
    waiting = RegistrySubmission.objects.filter(pk=submission_id, state=SubmissionState.WAITING)
    with transaction.atomic(durable=True):
        won = waiting.filter(Q(look_at__isnull=True) | Q(look_at__lte=now)).update(
            state=SubmissionState.SENDING, claim=token, claimed_at=now, attempts=F("attempts") + 1, looks=0,
            look_at=now + LONGEST_REQUEST,
        )  # fmt: skip
    if not won:
        return None
    return RegistrySubmission.objects.select_related("account").get(pk=submission_id, claim=token)


def _hand_in(submission: RegistrySubmission, latest: float) -> Fact:
    """The one exchange. Whatever an adapter raises beyond its contract may have come after the bytes."""
    try:
        registry = registry_of(submission.account)
    except (UnknownRegistry, Unreadable) as error:
        raise Unavailable(type(error).__name__) from error
    if time.monotonic() > latest:
        raise Unavailable("TooLate")
    hand_in = registry.submit_brand if submission.brand_id is not None else registry.submit_campaign
    try:
        return hand_in(str(submission.pk), submission.document)
    except (Unavailable, Unconfirmed, Refused):
        raise
    except Exception as error:
        logger.exception("registry_adapter_failed", submission=str(submission.pk))
        raise Unconfirmed(type(error).__name__) from error


def _settle(submission: RegistrySubmission, state: SubmissionState, fact: Fact, now: datetime) -> None:
    """The registry has answered, at once, by lookup or by webhook."""
    open_ones = RegistrySubmission.objects.filter(pk=submission.pk).exclude(
        state__in=[SubmissionState.TAKEN, SubmissionState.REFUSED]
    )
    with transaction.atomic():
        row = states.registration_of(submission)
        open_ones.update(state=state, settled_at=now, trouble="")
        states.learn(row, submission, fact, now)
        RegistrySubmission.objects.filter(pk=submission.pk).update(look_at=_next_look(row, submission, now), looks=0)
        _clear_alerts(submission)


def _next_look(row: Brand | Campaign, submission: RegistrySubmission, now: datetime) -> datetime | None:
    """When to ask by ourselves, should no webhook come; never again for what no longer decides, or was rejected."""
    if row.submission_id != submission.pk or row.status in EDITABLE:
        return None
    return now + (SILENT_FOR if row.status in (BrandStatus.SUBMITTING, BrandStatus.PENDING) else STILL_SO)


def hear(submission: RegistrySubmission, fact: Fact, now: datetime) -> None:
    """What a webhook says of a submission: so the registry has it."""
    _settle(submission, SubmissionState.TAKEN, fact, now)


def _put_back(submission: RegistrySubmission, error: Unavailable, now: datetime) -> None:
    """It certainly was not taken: it waits for another try, or, after a day, becomes a draft again."""
    wait = min(FIRST_LOOK * (1 << min(submission.attempts, 10)), LONGEST_WAIT)
    ours = RegistrySubmission.objects.filter(
        pk=submission.pk, state=SubmissionState.SENDING, claim=submission.claim
    )  # fmt: skip
    with transaction.atomic():
        row = states.registration_of(submission)
        if now - submission.created_at > GIVE_UP_AFTER:
            if ours.update(state=SubmissionState.NOT_TAKEN, settled_at=now, look_at=None, trouble=error.detail):
                states.give_back(row, submission, now)
        else:
            ours.update(state=SubmissionState.WAITING, look_at=now + wait, trouble=error.detail)
        account = submission.account
        raise_alert("registry_unavailable", None, key=str(account.pk), account=account.name, trouble=error.detail)


def _look_again(submission: RegistrySubmission, trouble: str, now: datetime) -> None:
    """Nobody knows: ask in a moment, then ever less often. The provider is told when it takes long."""
    wait = min(FIRST_LOOK * (1 << min(submission.looks, 10)), LONGEST_WAIT)
    RegistrySubmission.objects.filter(pk=submission.pk, claim=submission.claim, state=SubmissionState.SENDING).update(
        look_at=now + wait, looks=F("looks") + 1, trouble=trouble[:100]
    )
    if submission.claimed_at is not None and now - submission.claimed_at > ALERT_AFTER:
        words = {"account": submission.account.name, "reference": str(submission.pk)}
        raise_alert("registration_lost", None, key=str(submission.pk), **words)


def after_restore(now: datetime) -> int:
    """Of a database that came out of a backup: what waited may have been handed in since, so it is looked up. How many.

    As if each had been claimed now: the registry is asked for our reference, and only what it does not know becomes a
    draft again, for a person to decide.
    """
    waiting = RegistrySubmission.objects.filter(state=SubmissionState.WAITING)
    return waiting.update(
        state=SubmissionState.SENDING, claim=new_id(), claimed_at=now, look_at=now + LONGEST_REQUEST, looks=0
    )


def sweep(now: Clock = clock.database_now) -> int:
    """Send what waits and was not sent; look up what has no answer, or is pending for long. How many it dealt with."""
    ends, done = time.monotonic() + SWEEPS_AT_MOST, 0
    due = RegistrySubmission.objects.filter(look_at__lte=now()).select_related("account").order_by("look_at")
    for submission in due[:100]:
        if time.monotonic() > ends:
            break
        if submission.state == SubmissionState.WAITING:
            send(submission.pk, now)
        elif _is_my_turn(submission, now()):
            look_up(submission, now())
        done += 1
    return done


def _is_my_turn(submission: RegistrySubmission, now: datetime) -> bool:
    """One sweep asks, whatever others found at the same time."""
    unasked = RegistrySubmission.objects.filter(pk=submission.pk, look_at=submission.look_at)
    return bool(unasked.update(look_at=now + LONGEST_REQUEST))


def look_up(submission: RegistrySubmission, now: datetime) -> None:
    """Ask the registry what it has under our reference, and believe it as far as it can be believed."""
    try:
        registry = registry_of(submission.account)
        fact = registry.look_up(str(submission.pk))
    except (Unavailable, UnknownRegistry, Unreadable) as error:
        _no_word(submission, type(error).__name__, now)
        return
    except Exception as error:
        logger.exception("registry_adapter_failed", submission=str(submission.pk))
        _no_word(submission, type(error).__name__, now)
        return
    if fact is not None:
        _settle(submission, SubmissionState.TAKEN, fact, now)
    elif submission.state == SubmissionState.SENDING and _is_conclusive(submission, registry, now):
        _never_taken(submission, now)
    else:
        _no_word(submission, "NotFound", now)


def _no_word(submission: RegistrySubmission, trouble: str, now: datetime) -> None:
    if submission.state == SubmissionState.SENDING:
        _look_again(submission, trouble, now)
    else:
        RegistrySubmission.objects.filter(pk=submission.pk).update(look_at=now + STILL_SO)


def _is_conclusive(submission: RegistrySubmission, registry: Registry, now: datetime) -> bool:
    """Whether "nothing under this reference" can be believed by now."""
    return submission.claimed_at is not None and now > submission.claimed_at + LONGEST_REQUEST + registry.settles_after


def _never_taken(submission: RegistrySubmission, now: datetime) -> None:
    ours = RegistrySubmission.objects.filter(pk=submission.pk, state=SubmissionState.SENDING, claim=submission.claim)
    with transaction.atomic():
        row = states.registration_of(submission)
        if ours.update(state=SubmissionState.NOT_TAKEN, settled_at=now, look_at=None):
            states.give_back(row, submission, now)
            _clear_alerts(submission)


def _clear_alerts(submission: RegistrySubmission) -> None:
    clear_alert("registry_unavailable", None, key=str(submission.account_id))
    clear_alert("registration_lost", None, key=str(submission.pk))
