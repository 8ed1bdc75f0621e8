"""Replaying a file: every text through the real simulator in both directions, and every difference by name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from messaging.models import CarrierAccount, Message, SendingNumber
from messaging.models.messages import Kind
from messaging.replay import limits, tally
from messaging.replay.far_end import FarEnd
from messaging.replay.play import READERS, WRITERS, Played
from messaging.replay.rows import Row, Unreadable, read
from provisioning.models import User
from tests import factories
from tests.messaging.stage import Stage

FIXTURE = Path(__file__).parents[1] / "fixtures" / "texts.tsv"


def written(tmp_path: Path, content: bytes) -> list[Row | Unreadable]:
    path = tmp_path / "texts"
    path.write_bytes(content)
    return list(read(path))


def test_a_line_is_a_text_with_or_without_a_label(tmp_path: Path) -> None:
    assert written(tmp_path, b"ham\tHello\tyou\nplain\r\n") == [Row(1, "Hello\tyou"), Row(2, "plain")]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    assert written(tmp_path, "a\x85b\u2028c\x0bd\n".encode()) == [Row(1, "a\x85b\u2028c\x0bd")]


def test_lines_without_a_text_are_named(tmp_path: Path) -> None:
    codes = [line.code for line in written(tmp_path, b"\n\xff\n") if isinstance(line, Unreadable)]
    assert codes == ["empty_line", "not_utf8"]


def test_escapes_are_those_of_json_where_the_first_line_says_so(tmp_path: Path) -> None:
    lines = written(tmp_path, b'#!escaped\nx\ta\\r\\n\\u0091 "quoted" \\\\\nx\t\\q\n')
    assert lines == [Unreadable(2, "bad_escape"), Unreadable(3, "bad_escape")]
    lines = written(tmp_path, b"#!escaped\nx\ta\\r\\n\\u0091 \\\\\n")
    assert lines == [Row(2, "a\r\n\x91 \\")]
    assert written(tmp_path, b"x\ta\\n\n") == [Row(1, "a\\n")]


def test_a_limit_counts_lines() -> None:
    assert len(list(read(FIXTURE, limit=3))) == 3
    assert all(isinstance(line, Row) for line in read(FIXTURE))


def test_numbers_that_write_are_none_of_those_that_are_texted() -> None:
    assert not set(WRITERS) & set(READERS)


def test_limits_are_raised_and_put_back(user: User, kept: Path) -> None:
    number = SendingNumber.objects.get()
    SendingNumber.objects.update(texts_a_minute=7.5, burst=3, texts_a_day=50)
    with limits.raised([number]):
        number.refresh_from_db()
        assert (number.texts_a_minute, number.texts_a_day) == (6_000_000.0, 1_000_000_000)
        assert kept.exists()
    number.refresh_from_db()
    assert (number.texts_a_minute, number.burst, number.texts_a_day, number.tokens) == (7.5, 3, 50, 3)
    assert not kept.exists()


def test_limits_of_a_replay_that_was_killed_are_put_back_by_the_next(user: User, kept: Path) -> None:
    killed = limits.raised([SendingNumber.objects.get()])
    killed.__enter__()
    with limits.raised([SendingNumber.objects.get()]):
        pass
    assert SendingNumber.objects.get().texts_a_minute == 6.0


def counted(printed: str) -> dict[str, int]:
    """The closing count as numbers by name."""
    lines = [line.rsplit("  ", 1) for line in printed.splitlines() if line[-1:].isdigit() and "  " in line]
    return {name.strip(): int(number.replace(",", "")) for name, number in lines}


@pytest.mark.slow
def test_every_text_of_the_fixture_comes_through_both_ways_or_is_named(stage: Stage) -> None:
    code, printed = stage.replay(FIXTURE)
    counts = counted(printed)
    assert code == 0, printed
    assert "Equal at both ends" in printed
    rows = sum(1 for _line in read(FIXTURE))
    assert counts["rows"] == counts["written by phones"] == counts["received once, body equal"] == rows
    refused = {name.rsplit(" ", 1)[1]: number for name, number in counts.items() if name.startswith("refused")}
    assert refused == {"control_characters": 3, "empty_body": 1, "too_long": 1}
    assert counts["composed"] == counts["taken by the carrier once, body equal"] == counts["delivered"] == rows - 5
    assert counts["received with a replacement for NUL or half a surrogate pair"] == 2
    assert counts["automatic replies taken once"] == Message.objects.filter(kind=Kind.AUTOMATIC).count() > 3
    assert list(SendingNumber.objects.values_list("texts_a_minute", flat=True)) == [6.0] * 3


@pytest.mark.slow
def test_a_text_that_the_carrier_loses_is_named_and_the_exit_code_is_1(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FarEnd, "deliver_all_to", lambda _far, _phones: None)
    stage.simulator.control("mode", {"behaviour": "timeout", "phones": [READERS[0]], "next": 1})
    path = tmp_path / "two"
    path.write_text("first\nsecond\n")
    code, printed = stage.replay(path, "--patience", "5")
    assert code == 1
    assert len(re.findall(r"^line [12]: taken by the carrier 0 times$", printed, re.MULTILINE)) == 1
    assert "taken by the carrier once, body equal: 1 instead of 2" in printed
    assert counted(printed)["received once, body equal"] == 2


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached_is_a_standstill(stage: Stage, tmp_path: Path) -> None:
    stage.simulator.control("webhook", {"url": "http://127.0.0.1:9/"})
    path = tmp_path / "one"
    path.write_text("only\n")
    code, printed = stage.replay(path, "--patience", "1")
    assert code == 1
    assert "Nothing moved for 1.0 seconds" in printed
    assert "line 1: received 0 times" in printed


def test_a_double_send_and_a_changed_body_are_named(user: User) -> None:
    account = CarrierAccount.objects.get()
    messages = [
        factories.MessageFactory(conversation__user=user, body=body, carrier_account=account) for body in ("one", "two")
    ]
    played = Played(sent={message.pk: Row(line, message.body) for line, message in enumerate(messages, 1)})
    taken = [
        {"reference": str(messages[0].pk), "sha256": tally.digest("one")},
        {"reference": str(messages[0].pk), "sha256": tally.digest("one")},
        {"reference": str(messages[1].pk), "sha256": tally.digest("other")},
    ]
    found = tally.count(played, [], account, taken)
    assert "line 1: taken by the carrier 2 times" in found.differences
    assert "line 2: taken by the carrier with another body" in str(found.differences)


def test_without_a_simulator_the_command_says_what_to_do(db: object, tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_text("only\n")
    with pytest.raises(CommandError, match="hub up"):
        call_command("replay_texts", str(path))


def test_a_simulator_that_does_not_answer_is_a_sentence_and_limits_are_put_back(
    user: User, kept: Path, tmp_path: Path
) -> None:
    path = tmp_path / "one"
    path.write_text("only\n")
    with pytest.raises(CommandError, match="does not answer"):
        call_command("replay_texts", str(path))
    assert SendingNumber.objects.get().texts_a_minute == 6.0


def test_a_file_that_is_not_there_is_a_sentence(db: object, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        call_command("replay_texts", str(tmp_path / "nothing"))


def test_the_fixture_is_written_as_json_escapes_are() -> None:
    assert json.loads('"\\u0092"') == "\x92"
    bodies = [line.body for line in read(FIXTURE) if isinstance(line, Row)]
    for kind in ("\r\n", "\x92", "😀", "e\u0301", "STOP", "\x00", "\ud83d"):
        assert any(kind in body for body in bodies), repr(kind)
