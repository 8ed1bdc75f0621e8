"""What the carrier answers, or does not."""

from __future__ import annotations

import pytest

from messaging.models import Message
from tests.faults.checker import check
from tests.faults.house import House, until
from tests.faults.matrix import row, rows

AMBIGUOUS = {
    "timeout_taken": ["take, silence"],
    "timeout_not_taken": ["silence"],
    "error_500": ["take, 500", "500"],
    "garbage": ["take, garbage 200", "garbage 200", "take, garbage 202", "take, hang up", "hang up"],
}


@rows(*AMBIGUOUS)
@pytest.mark.parametrize("name", AMBIGUOUS)
def test_the_outcome_is_unknown(house: House, name: str) -> None:
    """Each answer in a conversation of its own; the text behind it goes on."""
    (user,) = house.users(1)
    texts, behind = {}, []
    for place, step in enumerate(AMBIGUOUS[name]):
        to = f"+120655502{place:02d}"
        texts[step] = house.write(user, step, to)
        house.carrier.script(step, step)
        behind.append(house.write(user, "behind", to))
    check(house)
    assert house.statuses(texts.values()) == ["unconfirmed"] * len(texts)
    assert {step: house.taken(text) for step, text in texts.items()} == {step: "take" in step for step in texts}
    assert house.statuses(behind) == ["sent"] * len(behind)


@row("connection_refused")
def test_connection_refused(house: House) -> None:
    (user,) = house.users(1)
    house.carrier.order("refuse")
    texts = house.write_many(["one", "two"], user)
    house.relay()
    first = Message.objects.filter(pk=texts[0].pk)
    until(lambda: first.get().attempts >= 2, "it was tried twice")
    assert house.statuses(texts)[1] == "queued"
    house.carrier.order("listen")
    check(house)
    assert house.statuses(texts) == ["sent", "sent"]


@row("throttled")
def test_throttled(house: House) -> None:
    (user,) = house.users(1)
    house.carrier.script("first", "throttle")
    texts = house.write_many(["first", "second"], user)
    check(house)
    assert house.statuses(texts) == ["sent", "sent"]
    throttled, again, _second = house.carrier.attempts()
    assert again["reference"] == throttled["reference"]
    assert again["at"] - throttled["at"] >= 2, "as long as the carrier asked for"
