"""`verify_audit_log` finds every way to tamper, whoever has dropped the triggers."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from compliance import triggers, verification
from compliance.audit import event_hash
from compliance.models import AuditEvent, AuditHead
from provisioning.changes import Actor, Change, record
from provisioning.ids import new_id
from tests import factories

pytestmark = pytest.mark.django_db


@contextmanager
def dropped_triggers():
    """Somebody with the database's password."""
    triggers.remove(connection)
    yield
    triggers.install(connection)


def run_sql(statement, *parameters):
    with dropped_triggers(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def verify(capsys, *arguments):
    call_command("verify_audit_log", *arguments)
    return capsys.readouterr().out


@pytest.fixture
def chain(organization, change):
    for step in range(5):
        record(change(organization, after={"step": step}))
    record(change(None))
    return str(organization.pk)


def test_an_untouched_log_is_sound_and_counted(chain, capsys):
    assert verify(capsys) == "2 chains, 6 events: nothing was changed or removed.\n"


def test_an_empty_log_is_sound(capsys):
    assert verify(capsys) == "0 chains, 0 events: nothing was changed or removed.\n"


def fault(match):
    return pytest.raises(CommandError, match=match)


def test_an_edit_is_found_and_named_with_chain_and_sequence(chain, organization):
    run_sql("UPDATE compliance_auditevent SET actor_label = 'somebody else' WHERE sequence = 3")
    with fault(rf"^Chain Northwind Dental Supply \({chain}\), event 3: the event was changed after it was written\.$"):
        call_command("verify_audit_log")


def test_the_exit_code_is_one(chain):
    run_sql("UPDATE compliance_auditevent SET via = 'api' WHERE sequence = 1")
    with pytest.raises(CommandError) as raised:
        call_command("verify_audit_log")
    assert raised.value.returncode == 1


@pytest.mark.parametrize("sequence", [1, 2, 4])
def test_a_deletion_is_found(chain, sequence):
    run_sql("DELETE FROM compliance_auditevent WHERE sequence = %s AND organization_id IS NOT NULL", sequence)
    with fault(f"event {sequence}: events are missing before event {sequence + 1}"):
        call_command("verify_audit_log")


def test_a_reorder_is_found(chain):
    run_sql("UPDATE compliance_auditevent SET sequence = 100 WHERE sequence = 2")
    run_sql("UPDATE compliance_auditevent SET sequence = 2 WHERE sequence = 3")
    run_sql("UPDATE compliance_auditevent SET sequence = 3 WHERE sequence = 100")
    with fault("event 2: the event was changed"):
        call_command("verify_audit_log")


def test_a_missing_end_is_found_by_the_head(chain):
    run_sql("DELETE FROM compliance_auditevent WHERE sequence > 3")
    with fault("event 4: the newest events are missing, the head knows of them"):
        call_command("verify_audit_log")


def rehashed(event):
    """An edit by somebody who knows how hashes are made."""
    AuditEvent.objects.filter(pk=event.pk).update(hash=event_hash(event))


def test_an_edit_with_its_own_hash_made_anew_breaks_the_link_after_it(chain):
    event = AuditEvent.objects.get(sequence=3)
    event.actor_label = "somebody else"
    with dropped_triggers():
        AuditEvent.objects.filter(pk=event.pk).update(actor_label=event.actor_label)
        rehashed(event)
    with fault("event 4: the event does not follow the one before it"):
        call_command("verify_audit_log")


def test_an_edit_of_the_newest_event_with_its_hash_made_anew_is_found_by_the_head(chain):
    event = AuditEvent.objects.get(sequence=5)
    event.actor_label = "somebody else"
    with dropped_triggers():
        AuditEvent.objects.filter(pk=event.pk).update(actor_label=event.actor_label)
        rehashed(event)
    with fault("event 5: the head does not match the newest event"):
        call_command("verify_audit_log")


def test_an_event_slipped_in_behind_the_head_is_found(chain, organization):
    last = AuditEvent.objects.get(sequence=5)
    last.id, last.sequence, last.previous_hash = new_id(), 6, last.hash
    last.hash = event_hash(last)
    last.save(force_insert=True)
    with fault("event 6: the event lies beyond the head"):
        call_command("verify_audit_log")


def test_a_chain_whose_head_is_gone_is_found(chain):
    run_sql("DELETE FROM compliance_audithead WHERE chain = %s", chain)
    with fault("event 1: the event lies beyond the head"):
        call_command("verify_audit_log")


def test_a_missing_trigger_is_named(chain):
    triggers.remove(connection)
    with fault("The trigger audit_event_stays is missing"):
        call_command("verify_audit_log")


def cut_back(chain, to):
    """Somebody cuts the end off and sets the head back: a shorter chain, sound in itself."""
    kept = AuditEvent.objects.get(chain=chain, sequence=to)
    with dropped_triggers(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM compliance_auditevent WHERE chain = %s AND sequence > %s", [chain, to])
        AuditHead.objects.filter(chain=chain).update(sequence=to, hash=kept.hash)


def test_a_cut_back_chain_is_found_only_by_heads_written_outside(chain, capsys, tmp_path):
    heads = tmp_path / "heads.json"
    assert "Wrote the heads to" in verify(capsys, "--write-heads", str(heads))
    cut_back(chain, to=3)
    assert "nothing was changed" in verify(capsys)
    with fault(r"event 4: the chain was cut back: its head was once at event 5"):
        call_command("verify_audit_log", against=heads)


def test_a_chain_that_grew_again_after_the_cut_is_found(chain, organization, change, capsys, tmp_path):
    heads = tmp_path / "heads.json"
    verify(capsys, "--write-heads", str(heads))
    cut_back(chain, to=3)
    for _ in range(9):
        record(change(organization, after={"innocent": True}))
    assert "nothing was changed" in verify(capsys)
    with fault("event 5: the chain was written anew"):
        call_command("verify_audit_log", against=heads)


def test_a_chain_that_vanished_is_found(chain, capsys, tmp_path):
    heads = tmp_path / "heads.json"
    verify(capsys, "--write-heads", str(heads))
    run_sql("DELETE FROM compliance_auditevent WHERE chain = 'platform'")
    run_sql("DELETE FROM compliance_audithead WHERE chain = 'platform'")
    with fault("Chain platform, event 0: the chain is gone"):
        call_command("verify_audit_log", against=heads)


def test_a_log_that_only_grew_agrees_with_older_heads(chain, organization, change, capsys, tmp_path):
    heads = tmp_path / "heads.json"
    verify(capsys, "--write-heads", str(heads))
    record(change(organization))
    assert "7 events" in verify(capsys, "--against", str(heads))


def test_heads_are_not_written_when_something_is_wrong(chain, tmp_path):
    run_sql("UPDATE compliance_auditevent SET via = 'api' WHERE sequence = 1")
    with fault("was changed"):
        call_command("verify_audit_log", write_heads=tmp_path / "heads.json")
    assert list(tmp_path.iterdir()) == []


def test_the_heads_file_is_its_owners_alone(chain, capsys, tmp_path):
    verify(capsys, "--write-heads", str(tmp_path / "heads.json"))
    assert (tmp_path / "heads.json").stat().st_mode & 0o777 == 0o600
    assert set(json.loads((tmp_path / "heads.json").read_text())["heads"]) == {chain, "platform"}
    assert os.listdir(tmp_path) == ["heads.json"]


@pytest.mark.parametrize("content", [None, "", "[]", '{"heads": {"platform": 3}}', '{"heads": {"x": {"y": 1}}}'])
def test_a_file_that_holds_no_heads_is_refused_with_a_sentence(content, tmp_path):
    path = tmp_path / "heads.json"
    if content is not None:
        path.write_text(content)
    with fault("can't be read. Name a file that --write-heads made"):
        call_command("verify_audit_log", against=path)


def test_a_folder_that_is_not_there_is_refused_with_a_sentence(chain, tmp_path):
    with fault("Name a file in a folder that exists"):
        call_command("verify_audit_log", write_heads=tmp_path / "nowhere" / "heads.json")


def test_a_walk_goes_by_pages(chain, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(verification, "PAGE", 2)
    with django_assert_num_queries(5):  # the head, three pages (2, 2, 1), what lies beyond
        assert verification.verify_chain(chain) is None


class AnySequenceOfActions(TestCase):
    """Random actions of random organizations; then one random edit."""

    JSON = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
    ACTIONS = st.lists(
        st.tuples(st.sampled_from([0, 1, None]), st.text(max_size=40), st.dictionaries(st.text(), JSON, max_size=3)),
        min_size=1, max_size=12,
    )  # fmt: skip

    @given(actions=ACTIONS, data=st.data())
    def test_chains_verify_after_any_actions_and_fail_after_any_edit(self, actions, data):
        organizations = [factories.OrganizationFactory(), factories.OrganizationFactory()]
        for whose, label, values in actions:
            organization_id = None if whose is None else organizations[whose].pk
            actor = Actor(user_id=None, label=label, via="api", ip="192.0.2.1")
            record(Change("user.changed", actor, organization_id, "user", "1", label, values, values))
        assert verification.verify() == []
        assert AuditEvent.objects.count() == len(actions)
        victim = data.draw(st.sampled_from(sorted(AuditEvent.objects.values_list("chain", "sequence"))))
        with dropped_triggers():
            edited = AuditEvent.objects.filter(chain=victim[0], sequence=victim[1])
            if data.draw(st.booleans()):
                edited.update(actor_label="edited, longer than forty characters can be")
            else:
                edited.delete()
        faults = verification.verify()
        assert [(fault.chain, fault.sequence) for fault in faults] == [victim]
