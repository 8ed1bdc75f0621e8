"""What the carrier reports of numbers: by rule, or as it was told; and the hub's adapter reads it."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.carriers.base import CapabilityAnswer, NotTaken, Refused
from messaging.carriers.simulator import SimulatedCarrier
from messaging.carriers.wire import Wire
from tests.simulator.process import API_KEY, Simulator

pytestmark = [pytest.mark.slow, pytest.mark.once]

AUTHORIZED = {"Authorization": f"Bearer {API_KEY}"}


def reported(simulator: Simulator, *numbers: str) -> dict[str, str]:
    answer = simulator.http.post("/v1/numbers/capability", json={"numbers": numbers}, headers=AUTHORIZED)
    return {row["number"]: row["capability"] for row in answer.json()["numbers"]}


def test_the_last_digits_decide(simulator: Simulator) -> None:
    found = reported(simulator, "+12065550101", "+12065550198", "+12065550199", "+441134960101")
    assert list(found.values()) == ["capable", "pending", "incapable", "incapable"]


def test_the_demonstrations_numbers_stay_as_it_tells_of_them(simulator: Simulator) -> None:
    found = reported(simulator, "+14155550101", "+14155550106", "+14155550114", "+16045550114")
    assert list(found.values()) == ["capable", "incapable", "pending", "capable"]


def test_it_reports_what_it_was_told(simulator: Simulator) -> None:
    simulator.control("capability", {"numbers": {"+12065550101": "incapable"}})
    assert reported(simulator, "+12065550101", "+12065550102") == {
        "+12065550101": "incapable",
        "+12065550102": "capable",
    }
    simulator.control("capability", {"numbers": {}})
    assert reported(simulator, "+12065550101") == {"+12065550101": "capable"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ({"numbers": []}, {}, 401, "unauthorized"),
        ({"numbers": "+12065550101"}, AUTHORIZED, 400, "malformed"),
        ([], AUTHORIZED, 400, "malformed"),
        ({"numbers": ["+12065550101"] * 101}, AUTHORIZED, 400, "too_many"),
    ],
)
def test_what_is_no_question_is_refused(
    simulator: Simulator, body: Any, headers: dict[str, str], status: int, code: str
) -> None:
    answer = simulator.http.post("/v1/numbers/capability", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def asked(simulator: Simulator, numbers: list[str], key: str = API_KEY) -> list[CapabilityAnswer]:
    wire = Wire(timeout=5.0)
    try:
        return await SimulatedCarrier(simulator.url, {"api_key": key}).capability(numbers, wire)
    finally:
        await wire.aclose()


async def test_the_hub_reads_the_report(simulator: Simulator) -> None:
    assert await asked(simulator, ["+12065550101", "+12065550198", "+12065550199"]) == [
        CapabilityAnswer("+12065550101", "capable"),
        CapabilityAnswer("+12065550198", "unknown"),
        CapabilityAnswer("+12065550199", "incapable", "The line is not enabled for messaging."),
    ]


async def test_a_wrong_key_is_tried_again_later_and_a_bad_question_is_not(simulator: Simulator) -> None:
    with pytest.raises(NotTaken):
        await asked(simulator, ["+12065550101"], key="wrong")
    with pytest.raises(Refused):
        await asked(simulator, ["+12065550101"] * 101)
