"""The registry takes each submission at most once, whatever happens between the commits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from provisioning.changes import Actor
from provisioning.models import Alert, Brand, Organization, RegistryAccount, RegistrySubmission
from provisioning.registration import states, submissions
from provisioning.registration.registries.base import Fact, Refused, Unavailable, Unconfirmed
from tests.factories import NOW
from tests.provisioning.registration import rows
from tests.provisioning.registration.rows import RegistryInMemory

SOMEBODY = Actor.system("test")


class Killed(BaseException):
    """The process is gone: nothing after this runs, no `except Exception` sees it."""


def kill(*_arguments: Any) -> None:
    raise Killed


def fails_with(error: Exception) -> Callable[..., None]:
    def fail(*_arguments: Any) -> None:
        raise error

    return fail


def at(seconds: float) -> Callable[[], datetime]:
    return lambda: NOW + timedelta(seconds=seconds)


@pytest.fixture
def submission(account: RegistryAccount, registry: RegistryInMemory, brand: Brand) -> RegistrySubmission:
    return submissions.submit(brand, SOMEBODY, NOW)


def state(submission: RegistrySubmission) -> tuple[str, str]:
    """The submission's, and the brand's."""
    submission.refresh_from_db()
    return submission.state, Brand.objects.get(pk=submission.brand_id).status


def sweep_until(seconds: float, step: float = 1.0) -> None:
    """What beat does, every second of a frozen clock."""
    for tick in range(int(seconds / step) + 1):
        submissions.sweep(at(tick * step))


def test_a_submission_is_committed_before_a_byte_leaves(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    assert state(submission) == ("waiting", "submitting")
    seen: list[tuple[str, str]] = []
    registry.before = lambda *_: seen.append(state(submission))
    submissions.send(submission.pk, at(1))
    assert seen == [("sending", "submitting")]
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]


def test_nothing_is_sent_inside_a_transaction(
    transactional_db: None, account: RegistryAccount, registry: RegistryInMemory, brand: Brand
) -> None:
    seen: list[bool] = []
    registry.before = lambda *_: seen.append(connection.in_atomic_block)
    submissions.send(submissions.submit(brand, SOMEBODY, NOW).pk, at(1))
    assert seen == [False]


def test_a_timeout_after_taking_is_found_by_lookup_and_not_sent_again(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.after = fails_with(Unconfirmed("ReadTimeout"))
    submissions.send(submission.pk, at(0))
    assert state(submission) == ("sending", "submitting")
    sweep_until(10)
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]


def test_a_timeout_without_taking_becomes_a_draft_again_and_nothing_is_sent_by_itself(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.before = fails_with(Unconfirmed("ReadTimeout"))
    submissions.send(submission.pk, at(0))
    sweep_until(60)
    assert state(submission) == ("sending", "submitting")
    sweep_until(300)
    assert state(submission) == ("not_taken", "draft")
    assert (registry.tried, registry.taken) == ([str(submission.pk)], [])


def test_a_worker_killed_between_the_commit_and_the_bytes_has_sent_nothing(
    submission: RegistrySubmission, registry: RegistryInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(submissions, "_hand_in", kill)
        with pytest.raises(Killed):
            submissions.send(submission.pk, at(0))
    assert state(submission) == ("sending", "submitting")
    submissions.send(submission.pk, at(1))
    sweep_until(300)
    assert state(submission) == ("not_taken", "draft")
    assert registry.tried == []


def test_a_worker_killed_after_the_bytes_is_found_by_lookup(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.after = kill
    with pytest.raises(Killed):
        submissions.send(submission.pk, at(0))
    submissions.send(submission.pk, at(1))
    sweep_until(120)
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]


def test_a_worker_killed_before_its_answer_is_written_is_found_by_lookup(
    submission: RegistrySubmission, registry: RegistryInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(submissions, "_settle", kill)
        with pytest.raises(Killed):
            submissions.send(submission.pk, at(0))
    sweep_until(120)
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]


def test_a_lost_wake_up_is_sent_by_the_sweep(submission: RegistrySubmission, registry: RegistryInMemory) -> None:
    sweep_until(1)
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]


@pytest.mark.parametrize("outcome", ["taken", "not_taken", "refused"])
def test_a_task_that_comes_again_later_sends_nothing(
    submission: RegistrySubmission, registry: RegistryInMemory, outcome: str
) -> None:
    """A broker may hand a task out twice, an hour apart."""
    if outcome == "not_taken":
        registry.before = fails_with(Unconfirmed("ReadTimeout"))
    if outcome == "refused":
        registry.before = fails_with(Refused(Fact(str(submission.pk), "rejected", NOW)))
    submissions.send(submission.pk, at(0))
    sweep_until(300)
    assert state(submission)[0] == outcome
    tried = len(registry.tried)
    registry.before = None
    for seconds in (301, 3600, 90_000):
        submissions.send(submission.pk, at(seconds))
    assert len(registry.tried) == tried == 1


def test_of_two_workers_one_sends(shared_database: None, registry: RegistryInMemory) -> None:
    rows.registry_account()
    from tests import factories

    brand = rows.brand_of(factories.OrganizationFactory())
    submission = submissions.submit(brand, SOMEBODY, NOW)
    barrier = threading.Barrier(4)
    trouble: list[BaseException] = []

    def work() -> None:
        try:
            barrier.wait()
            submissions.send(submission.pk, at(1))
        except BaseException as error:
            trouble.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert trouble == []
    assert registry.tried == [str(submission.pk)]
    assert state(submission) == ("taken", "pending")


def test_a_lookup_that_lags_behind_is_asked_until_it_may_be_believed(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.after = fails_with(Unconfirmed("ReadTimeout"))
    registry.visible = False
    submissions.send(submission.pk, at(0))
    sweep_until(75)
    assert state(submission) == ("sending", "submitting")
    registry.visible = True
    sweep_until(300)
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]


def test_a_lookup_that_fails_proves_nothing(submission: RegistrySubmission, registry: RegistryInMemory) -> None:
    registry.after = fails_with(Unconfirmed("ReadTimeout"))
    registry.lookups_fail = True
    submissions.send(submission.pk, at(0))
    sweep_until(3600, step=10)
    assert state(submission) == ("sending", "submitting")
    alert = Alert.objects.get(code="registration_lost", cleared_at__isnull=True)
    assert alert.facts["reference"] == str(submission.pk)
    registry.lookups_fail = False
    sweep_until(4600, step=10)
    assert state(submission) == ("taken", "pending")
    assert not Alert.objects.filter(code="registration_lost", cleared_at__isnull=True).exists()
    assert registry.taken == [str(submission.pk)]


def test_a_registry_that_certainly_took_nothing_is_asked_again(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.before = fails_with(Unavailable("ConnectError"))
    submissions.send(submission.pk, at(0))
    assert state(submission) == ("waiting", "submitting")
    assert Alert.objects.filter(code="registry_unavailable", organization=None, cleared_at__isnull=True).exists()
    submissions.send(submission.pk, at(1))
    assert len(registry.tried) == 1
    registry.before = None
    sweep_until(10)
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]
    assert not Alert.objects.filter(code="registry_unavailable", cleared_at__isnull=True).exists()


def test_a_registry_that_is_away_for_a_day_leaves_a_draft(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.before = fails_with(Unavailable("ConnectError"))
    sweep_until(25 * 3600, step=120)
    assert state(submission) == ("not_taken", "draft")
    assert registry.taken == []


def test_a_worker_that_slept_after_its_claim_sends_nothing(
    submission: RegistrySubmission, registry: RegistryInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, submissions.SLEEPS_AT_MOST + 1])
    with monkeypatch.context() as patched:
        patched.setattr(submissions.time, "monotonic", lambda: next(ticks))
        submissions.send(submission.pk, at(0))
    assert registry.tried == []
    assert state(submission) == ("waiting", "submitting")


def test_a_worker_that_woke_up_late_does_not_put_back_what_is_settled(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    """Its claim is gone: somebody found by lookup what became of it."""

    def settled_meanwhile(*_arguments: Any) -> None:
        submissions.look_up(RegistrySubmission.objects.get(pk=submission.pk), NOW)
        raise Unavailable("TooLate")

    registry.after = settled_meanwhile
    submissions.send(submission.pk, at(0))
    sweep_until(60)
    assert state(submission) == ("taken", "pending")
    assert registry.taken == [str(submission.pk)]


def test_an_adapter_that_breaks_its_contract_counts_as_unconfirmed(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.after = fails_with(KeyError("new"))
    submissions.send(submission.pk, at(0))
    assert state(submission) == ("sending", "submitting")
    sweep_until(10)
    assert registry.taken == [str(submission.pk)]


def test_two_sweeps_at_once_ask_once(submission: RegistrySubmission, registry: RegistryInMemory) -> None:
    registry.after = fails_with(Unconfirmed("ReadTimeout"))
    submissions.send(submission.pk, at(0))
    submission.refresh_from_db()
    assert submissions._is_my_turn(submission, NOW)
    assert not submissions._is_my_turn(submission, NOW)


def test_what_is_submitted_can_not_be_submitted_again_meanwhile(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    from provisioning.refusals import Refusal

    brand = Brand.objects.get(pk=submission.brand_id)
    with pytest.raises(Refusal) as refused:
        submissions.submit(brand, SOMEBODY, NOW)
    assert refused.value.code == "with_registry"
    assert RegistrySubmission.objects.count() == 1


def test_what_the_registry_names_after_it_was_given_up_is_taken_after_all(
    submission: RegistrySubmission, registry: RegistryInMemory
) -> None:
    registry.after = fails_with(Unconfirmed("ReadTimeout"))
    registry.visible = False
    submissions.send(submission.pk, at(0))
    sweep_until(300)
    assert state(submission) == ("not_taken", "draft")
    submissions.hear(submission, registry.fact(str(submission.pk)), NOW)
    assert state(submission) == ("taken", "pending")


def test_a_second_submission_has_a_reference_of_its_own(
    submission: RegistrySubmission, registry: RegistryInMemory, organization: Organization
) -> None:
    submissions.send(submission.pk, at(0))
    brand = Brand.objects.get(pk=submission.brand_id)
    states.set_by_operator(brand, "rejected", SOMEBODY, NOW)
    brand.refresh_from_db()
    again = submissions.submit(brand, SOMEBODY, NOW)
    submissions.send(again.pk, at(2))
    assert registry.taken == [str(submission.pk), str(again.pk)]
