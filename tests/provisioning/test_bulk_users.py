"""Bulk actions on users: each once, whatever the action does to the filter; one event a change; refusals by row."""

from __future__ import annotations

import uuid

import pytest

from compliance import verification
from compliance.models import AuditEvent
from provisioning import bulk_users
from provisioning.bulk_user_actions import ACTIONS
from provisioning.bulk_user_preview import preview
from provisioning.bulk_users import start_bulk
from provisioning.models import ApiToken, Location, Mail, Task, User
from provisioning.refusals import Refusal
from provisioning.user_selection import Selection
from tests import factories
from tests.factories import NOW
from tests.task_runs import outcomes, run_to_end

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(bulk_users, "BATCH", 5)


@pytest.fixture
def location(organization):
    return factories.LocationFactory(organization=organization, name="Austin")


@pytest.fixture
def people(location):
    """Twelve, in the order of their ids: three pieces of a walk."""
    return sorted((factories.UserFactory(location=location) for _each in range(12)), key=lambda each: each.pk)


@pytest.fixture
def location_admin(organization, location):
    """Of Austin only."""
    return factories.with_role(factories.UserFactory(location=location), "location_admin", location)


def done(action, selection, administrator, choice=None):
    task = start_bulk(ACTIONS[action], selection, administrator, choice=choice, via="portal", ip="192.0.2.7", now=NOW)
    return run_to_end(task)


def matching(administrator, **values):
    return Selection.matching(administrator, values)


def picked(people):
    return Selection.picked([each.pk for each in people])


def settings_of(people):
    return list(User.objects.filter(pk__in=[each.pk for each in people]).values_list("texting_setting", flat=True))


def test_everybody_who_is_selected_is_switched_off_with_an_event_each(full_admin, people):
    task = done("texting_off", picked(people[:7]), full_admin)
    assert (task.state, task.total, task.done, task.changed, task.refused) == ("done", 7, 7, 7, 0)
    assert settings_of(people[:7]) == ["off"] * 7
    assert settings_of(people[7:]) == ["default"] * 5
    events = AuditEvent.objects.filter(action="user.texting_changed", actor=full_admin, via="portal", ip="192.0.2.7")
    assert {event.target_id for event in events} == {str(each.pk) for each in people[:7]}
    assert verification.verify() == []


def test_who_has_it_already_is_neither_written_nor_audited_and_the_row_says_so(full_admin, people):
    User.objects.filter(pk=people[2].pk).update(texting_setting="off")
    task = done("texting_off", picked(people[:4]), full_admin)
    assert (task.changed, task.done) == (3, 4)
    assert [row[2] for row in outcomes(task)] == ["changed", "changed", "unchanged", "changed"]
    assert AuditEvent.objects.filter(action="user.texting_changed").count() == 3


@pytest.mark.parametrize(
    ("action", "choice", "values", "left"),
    [
        ("texting_off", None, {"source": "organization"}, ["off"] * 13),
        ("texting_on", None, {"source": "organization"}, ["on"] * 13),
    ],
)
def test_an_action_that_changes_what_the_filter_asks_for_passes_nobody_by(
    organization, full_admin, people, action, choice, values, left
):
    """All 13 match before, none after: a walk by pages or offsets would miss every other page."""
    task = done(action, matching(full_admin, **values), full_admin, choice)
    assert (task.done, task.changed) == (13, 13)
    assert [row[0] for row in outcomes(task)] == list(range(1, 14))
    assert len({row[1] for row in outcomes(task)}) == 13
    assert list(organization.users.values_list("texting_setting", flat=True)) == left
    assert matching(full_admin, **values).count(full_admin) == 0


def test_a_move_out_of_the_location_that_is_filtered_by_takes_everybody_along_once(full_admin, people, location):
    dallas = factories.LocationFactory(organization=location.organization, name="Dallas")
    task = done("move", matching(full_admin, location=str(location.pk)), full_admin, dallas.pk)
    assert (task.done, task.changed, task.summary) == (12, 12, "All users that match: Austin, to Dallas")
    assert User.objects.filter(location=dallas).count() == 12
    event = AuditEvent.objects.filter(action="user.changed").first()
    assert (event.before, event.after) == ({"location": "Austin"}, {"location": "Dallas"})


def test_the_filter_is_resolved_when_the_task_runs_not_when_it_was_asked_for(full_admin, people):
    selection = matching(full_admin, license="standard")
    task = start_bulk(ACTIONS["texting_off"], selection, full_admin, via="portal", ip=None, now=NOW)
    User.objects.filter(pk__in=[people[0].pk, people[9].pk]).update(license="standard")
    run_to_end(task)
    assert (task.total, task.changed) == (2, 2)
    assert {row[1].split(" <")[0] for row in outcomes(task)} == {people[0].display_name, people[9].display_name}


def test_the_license_is_changed_where_it_differs(full_admin, people):
    User.objects.filter(pk=people[0].pk).update(license="standard")
    task = done("license", picked(people[:3]), full_admin, "standard")
    assert (task.changed, task.done, task.summary) == (2, 3, "3 selected users: Webex Calling Standard")
    assert AuditEvent.objects.filter(action="user.changed").count() == 2


def test_deactivating_ends_tokens_and_refuses_oneself_and_the_others_go_on(full_admin, people):
    ApiToken.objects.create(
        organization=full_admin.organization, user=people[0], name="Sync", prefix="abcdefabcdef", digest="0" * 64,
        scopes=["people:read"], expires_at=NOW,
    )  # fmt: skip
    User.objects.filter(pk=people[1].pk).update(is_active=False)
    task = done("deactivate", picked([*people[:6], full_admin]), full_admin)
    assert (task.changed, task.refused, task.done) == (5, 1, 7)
    assert task.rows.get(outcome="refused").code == "own_account"
    assert task.rows.get(outcome="unchanged").target_id == people[1].pk
    assert ApiToken.objects.get().revoked_at is not None
    assert User.objects.filter(is_active=True, location=people[0].location).count() == 6


def test_a_user_administrator_deactivates_nobody_who_has_a_role(organization, full_admin, people):
    helper = factories.with_role(factories.UserFactory(organization=organization, location=None), "user_admin")
    task = done("deactivate", picked([people[0], full_admin]), helper)
    assert (task.changed, task.refused) == (1, 1)
    assert task.rows.get(outcome="refused").code == "administrator_account"


def test_reactivating_brings_back_who_was_gone(full_admin, people):
    User.objects.filter(pk__in=[each.pk for each in people[:6]]).update(is_active=False)
    task = done("reactivate", matching(full_admin, account="deactivated"), full_admin)
    assert (task.changed, task.done) == (6, 6)
    assert AuditEvent.objects.filter(action="user.reactivated").count() == 6


def test_an_invitation_goes_to_those_who_have_chosen_no_password_yet(full_admin, people):
    people[0].set_password(factories.PASSWORD)
    people[0].save()
    User.objects.filter(pk=people[1].pk).update(is_active=False)
    task = done("invite", picked(people[:4]), full_admin)
    assert [(row[2], row[3]) for row in outcomes(task)] == [
        ("refused", "already_activated"), ("refused", "user_inactive"), ("changed", ""), ("changed", ""),
    ]  # fmt: skip
    assert {mail.address for mail in Mail.objects.filter(kind="invitation")} == {each.email for each in people[2:4]}


def test_an_organization_that_is_not_ready_refuses_every_row_of_switching_on(full_admin, people):
    full_admin.organization.acceptable_use_accepted_at = None
    full_admin.organization.save()
    task = done("texting_on", picked(people[:3]), full_admin)
    assert (task.state, task.refused, task.changed) == ("done", 3, 0)
    assert {row[3] for row in outcomes(task)} == {"acceptable_use_not_accepted"}
    assert settings_of(people[:3]) == ["default"] * 3


def test_users_of_others_and_ids_of_nobody_are_refused_alike(full_admin, people, stranger):
    task = done("texting_off", Selection.picked([people[0].pk, stranger.pk, uuid.uuid4()]), full_admin)
    assert (task.changed, task.refused) == (1, 2)
    refused = task.rows.filter(outcome="refused")
    assert {(row.code, row.target_id) for row in refused} == {("unknown_user", None)}
    assert stranger.email not in "".join(row.label for row in refused)
    stranger.refresh_from_db()
    assert stranger.texting_setting == "default"


def test_a_location_administrator_reaches_only_the_own_location(location_admin, people, full_admin):
    elsewhere = factories.UserFactory(location=factories.LocationFactory(organization=full_admin.organization))
    everyone = done("texting_off", matching(location_admin), location_admin)
    assert (everyone.done, everyone.changed) == (13, 13)
    one = done("texting_off", picked([people[0], elsewhere]), location_admin)
    assert [row[3] for row in outcomes(one)].count("unknown_user") == 1
    elsewhere.refresh_from_db()
    assert elsewhere.texting_setting == "default"


def test_a_location_administrator_who_is_moved_to_another_location_meanwhile_changes_nobody_at_the_old_one(
    location_admin, people, organization
):
    task = start_bulk(
        ACTIONS["texting_off"], matching(location_admin), location_admin, via="portal", ip=None, now=NOW
    )  # fmt: skip
    location_admin.role_assignments.update(location=factories.LocationFactory(organization=organization))
    run_to_end(task)
    assert (task.state, task.done, settings_of(people)) == ("done", 0, ["default"] * 12)


def test_a_location_that_is_not_among_the_own_is_nowhere_to_move_to(location_admin, people, other_organization):
    for location in (factories.LocationFactory(organization=other_organization), uuid.uuid4(), "", None):
        with pytest.raises(Refusal) as refused:
            done("move", picked(people), location_admin, getattr(location, "pk", location))
        assert refused.value.code == "unknown_location"
    assert Task.objects.count() == 0


def test_a_location_that_was_deleted_meanwhile_ends_the_task_with_a_sentence(full_admin, people, organization):
    gone = factories.LocationFactory(organization=organization)
    task = start_bulk(ACTIONS["move"], picked(people), full_admin, choice=gone.pk, via="portal", ip=None, now=NOW)
    Location.objects.filter(pk=gone.pk).delete()
    run_to_end(task)
    assert (task.state, task.error_code) == ("failed", "unknown_location")


def test_what_is_not_understood_is_refused_and_never_left_out(full_admin, other_organization):
    foreign = factories.LocationFactory(organization=other_organization)
    for values in (
        {"status": "on "}, {"status": "On"}, {"source": "user_"}, {"requirement": "licence"}, {"license": "pro"},
        {"account": "gone"}, {"location": "Austin"}, {"location": str(uuid.uuid4())}, {"location": str(foreign.pk)},
        {"q": "x" * 201}, {"q": "nul\x00"}, {"requirement": "license:met"},
    ):  # fmt: skip
        with pytest.raises(Refusal) as refused:
            matching(full_admin, **values)
        assert (refused.value.code, refused.value.extra["field"]) == ("unknown_filter", next(iter(values)))


def test_nobody_and_too_many_are_refused(monkeypatch):
    with pytest.raises(Refusal, match="nobody_selected"):
        Selection.picked([])
    monkeypatch.setattr("provisioning.user_selection.MOST_PICKED", 2)
    with pytest.raises(Refusal, match="too_many_selected"):
        Selection.picked([uuid.uuid4() for _each in range(3)])


def test_a_selection_survives_the_way_through_a_task(full_admin, people):
    for selection in (picked(people), matching(full_admin, q="Rosalind", status="on"), matching(full_admin)):
        task = start_bulk(ACTIONS["texting_off"], selection, full_admin, via="portal", ip=None, now=NOW)
        task.refresh_from_db()
        assert Selection.of_arguments(task.arguments) == selection


def test_a_preview_says_how_many_are_able_need_nothing_or_are_not_eligible(full_admin, user):
    people = [factories.UserFactory(location=user.location) for _each in range(4)]
    User.objects.filter(pk=people[0].pk).update(texting_setting="on")
    selection = picked([user, *people])
    found = preview(ACTIONS["texting_on"], selection, None, full_admin)
    assert (found.total, found.already, found.able, found.not_eligible, found.missing) == (5, 1, 1, 4, 0)
    assert any(sentence.startswith("4 are not eligible") for sentence in found.sentences)
    assert any("HIPAA" in sentence for sentence in found.sentences)
    off = preview(ACTIONS["texting_off"], selection, None, full_admin)
    assert (off.able, off.not_eligible) == (1, 0)
    assert "1 of them can text now." in off.sentences


def test_a_preview_says_who_will_be_refused(organization, full_admin, people):
    helper = factories.with_role(factories.UserFactory(organization=organization, location=None), "user_admin")
    chosen = picked([people[0], helper, full_admin])
    assert preview(ACTIONS["deactivate"], chosen, None, helper).refused == 2
    assert preview(ACTIONS["deactivate"], chosen, None, full_admin).refused == 1
    assert preview(ACTIONS["reactivate"], chosen, None, helper).refused == 0
    people[0].set_password(factories.PASSWORD)
    people[0].save()
    assert preview(ACTIONS["invite"], chosen, None, full_admin).refused == 1


def test_a_preview_names_what_stops_everything(full_admin, people):
    full_admin.organization.acceptable_use_accepted_at = None
    full_admin.organization.save()
    found = preview(ACTIONS["texting_on"], picked(people), None, full_admin)
    assert found.refusal is not None
    assert found.refusal.code == "acceptable_use_not_accepted"


def test_what_the_preview_says_is_what_the_task_does(full_admin, people):
    User.objects.filter(pk__in=[people[0].pk, people[1].pk]).update(texting_setting="off")
    User.objects.filter(pk=people[2].pk).update(is_active=False)
    for action, choice in (("texting_off", None), ("deactivate", None), ("reactivate", None), ("license", "standard")):
        selection = picked([*people[:6], full_admin])
        found = preview(ACTIONS[action], selection, choice, full_admin)
        task = done(action, selection, full_admin, choice)
        assert (task.done - task.changed - task.refused, task.refused) == (found.already, found.refused), action


def test_the_statements_of_a_step_do_not_grow_with_its_users(
    monkeypatch, full_admin, people, django_assert_max_num_queries
):
    monkeypatch.setattr(bulk_users, "BATCH", 500)
    done("texting_on", picked(people), full_admin)  # the chain's first event takes more
    for action, choice in (
        ("texting_off", None), ("license", "standard"), ("deactivate", None), ("reactivate", None), ("invite", None),
    ):  # fmt: skip
        with django_assert_max_num_queries(1000) as few:
            done(action, picked(people[:2]), full_admin, choice)
        with django_assert_max_num_queries(1000) as many:
            done(action, picked(people[2:]), full_admin, choice)
        assert len(many) == len(few), action
