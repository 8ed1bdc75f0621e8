"""The checker finds what it is there to find: relays that each break one promise."""

from __future__ import annotations

import pytest

from tests.faults import broken, checker
from tests.faults.house import House, until

pytestmark = pytest.mark.faults


def found(house: House, breaks: str, script: str = "") -> set[str]:
    """The kinds of findings after that relay had three texts to send."""
    (user,) = house.users(1)
    texts = house.write_many(["one", "two", "three"], user)
    if script:
        house.carrier.script("two", script)
    house.start("naive", breaks=breaks)
    left = 1 if breaks == broken.FORGETS else 0
    until(lambda: house.statuses_left(texts) == left, "the broken relay has worked")
    return {finding.split(":")[0] for finding in checker.findings(house)}


@pytest.mark.parametrize(
    ("breaks", "script", "expected"),
    [
        (broken.RESENDS, "take, hang up", {"twice"}),
        (broken.OVERTAKES, "", {"overtaken"}),
        (broken.FORGETS, "", {"lost"}),
        (broken.LOSES, "", {"lost"}),
        (broken.INVENTS, "", {"invented"}),
        (broken.CONCEALS, "take, hang up", {"concealed"}),
    ],
)
def test_a_broken_promise_is_found(house: House, breaks: str, script: str, expected: set[str]) -> None:
    assert found(house, breaks, script) == expected


def test_a_text_that_nobody_frees_is_stuck(house: House) -> None:
    (user,) = house.users(1)
    text = house.write(user)
    house.paused()
    (finding,) = checker.drained(house, patience=1.0)
    assert finding == f"stuck: {text.pk} after 1 s"


def test_what_reaches_the_carrier_after_the_drain_is_found(house: House) -> None:
    (user,) = house.users(1)
    house.write(user)
    checker.check(house)
    worker = house.relay()
    before = len(house.carrier.attempts())
    house.write(user, "late")
    assert [finding.split(":")[0] for finding in checker.resent(house, worker, before)] == ["resent"]


def test_nothing_is_found_where_nothing_is_wrong(house: House) -> None:
    (user,) = house.users(1)
    texts = house.write_many(["one", "two", "three"], user)
    checker.check(house)
    assert house.statuses(texts) == ["sent"] * 3
