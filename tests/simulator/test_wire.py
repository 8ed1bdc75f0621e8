"""The carrier's API: what is taken, what is answered, and which receipts follow."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import httpx
import pytest

from tests.simulator.process import API_KEY, PHONE, WEBHOOK_SECRET, Listener, Simulator, until

pytestmark = [pytest.mark.slow, pytest.mark.once]


def test_a_text_is_taken_and_counted_and_a_double_send_is_visible(simulator: Simulator) -> None:
    first, second = simulator.send("one"), simulator.send("one")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]
    assert simulator.taken("one") == 2
    assert simulator.taken("two") == 0


def test_every_character_of_a_body_is_kept(simulator: Simulator) -> None:
    body = "a\r\nb\x91 é e\u0301 👩‍👩‍👧 £\x85"
    simulator.send("characters", body)
    (text,) = simulator.http.get("/v1/taken", params={"reference": "characters"}).json()["texts"]
    assert text["body"] == body
    assert text["sha256"] == hashlib.sha256(body.encode()).hexdigest()


def test_taken_texts_are_listed_in_pages(simulator: Simulator) -> None:
    for number in range(3):
        simulator.send(f"text-{number}")
    page = simulator.http.get("/v1/taken").json()
    assert [text["reference"] for text in page["texts"]] == ["text-0", "text-1", "text-2"]
    assert (page["count"], page["next"]) == (3, None)


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer wrong", API_KEY])
def test_a_wrong_key_is_refused(simulator: Simulator, key: str) -> None:
    answer = simulator.http.post("/v1/messages", json={}, headers={"Authorization": key})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"reference": 1}', b"\xff"])
def test_what_is_not_a_text_is_refused(simulator: Simulator, content: bytes) -> None:
    answer = simulator.http.post("/v1/messages", content=content, headers={"Authorization": f"Bearer {API_KEY}"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("behaviour", "status", "code", "taken"),
    [
        ("delivered", 202, None, 1),
        ("undelivered", 202, None, 1),
        ("no_receipt", 202, None, 1),
        ("refused", 400, "4721", 0),
        ("throttled", 429, "throttled", 0),
        ("not_taken", 503, "not_taken", 0),
        ("error_after_taking", 500, "error", 1),
    ],
)
def test_an_answer_and_the_truth_about_it(
    simulator: Simulator, behaviour: str, status: int, code: str | None, taken: int
) -> None:
    simulator.control("mode", {"behaviour": behaviour, "code": "4721"})
    answer = simulator.send("this")
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert (answer.headers.get("Retry-After") is not None) == (behaviour == "throttled")
    assert simulator.taken("this") == taken


@pytest.mark.parametrize(
    ("behaviour", "taken"),
    [("timeout_after_taking", 1), ("timeout", 0), ("dropped_after_taking", 1), ("dies", 0)],
)
def test_no_answer_and_the_truth_about_it(simulator: Simulator, behaviour: str, taken: int) -> None:
    simulator.control("mode", {"behaviour": behaviour, "next": 1})
    silent = behaviour.startswith("timeout")
    with pytest.raises(httpx.ReadTimeout if silent else (httpx.RemoteProtocolError, httpx.ReadError)):
        simulator.http.post(
            "/v1/messages",
            json={"reference": "this", "from": "+1", "to": PHONE, "body": "x", "callback_url": ""},
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=0.3 if silent else 10,
        )
    assert simulator.taken("this") == taken


def test_a_rule_for_the_next_texts_ends_with_them(simulator: Simulator) -> None:
    simulator.control("mode", {"behaviour": "not_taken", "next": 2})
    assert [simulator.send("n").status_code for _time in range(3)] == [503, 503, 202]


def test_a_rule_for_one_phone_leaves_the_others_alone_until_one_is_set_for_every_phone(simulator: Simulator) -> None:
    simulator.control("mode", {"behaviour": "refused", "phones": [PHONE]})
    assert simulator.send("a").status_code == 400
    assert simulator.send("b", to="+14155550147").status_code == 202
    simulator.control("mode", {"behaviour": "delivered"})
    assert simulator.send("c").status_code == 202


def test_a_phones_rule_can_be_taken_back(simulator: Simulator) -> None:
    simulator.control("mode", {"behaviour": "throttled"})
    simulator.control("mode", {"behaviour": "refused", "phones": [PHONE]})
    simulator.control("mode", {"behaviour": None, "phones": [PHONE]})
    assert simulator.send("a").status_code == 429


def statuses(hub: Listener) -> list[str]:
    return [event["status"] for event in hub.events("receipt")]


def test_receipts_name_our_reference_and_are_signed(simulator: Simulator, hub: Listener) -> None:
    carrier_id = simulator.send("ours", callback_url=hub.url).json()["id"]
    until(lambda: len(hub.events()) == 2)
    for event in hub.events():
        assert (event["reference"], event["id"], event["code"]) == ("ours", carrier_id, "")
    assert statuses(hub) == ["sent", "delivered"]
    headers, body = hub.posts[0]
    signed = headers["x-simulator-timestamp"].encode() + b"." + body
    assert headers["x-simulator-signature"] == hmac.new(WEBHOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(headers["x-simulator-timestamp"])) < 60


def test_an_undelivered_text_has_its_code(simulator: Simulator, hub: Listener) -> None:
    simulator.control("mode", {"behaviour": "undelivered", "code": "4770"})
    simulator.send("ours", callback_url=hub.url)
    until(lambda: len(hub.events()) == 2)
    assert [(event["status"], event["code"]) for event in hub.events()] == [("sent", ""), ("undelivered", "4770")]


def test_receipts_out_of_order_keep_their_true_times(simulator: Simulator, hub: Listener) -> None:
    simulator.control("mode", {"behaviour": "out_of_order"})
    simulator.send("ours", callback_url=hub.url)
    until(lambda: len(hub.events()) == 2)
    assert statuses(hub) == ["delivered", "sent"]
    assert hub.events()[1]["at"] < hub.events()[0]["at"]


def test_duplicate_receipts_are_the_same_three_times(simulator: Simulator, hub: Listener) -> None:
    simulator.control("mode", {"behaviour": "duplicates"})
    simulator.send("ours", callback_url=hub.url)
    until(lambda: len(hub.events()) == 6)
    assert len({json.dumps(event) for event in hub.events()}) == 2


def test_a_text_without_receipts_has_none(simulator: Simulator, hub: Listener) -> None:
    simulator.control("mode", {"behaviour": "no_receipt", "next": 1})
    simulator.send("quiet", callback_url=hub.url)
    simulator.send("loud", callback_url=hub.url)
    until(lambda: len(hub.events()) == 2)
    assert {event["reference"] for event in hub.events()} == {"loud"}
    until(lambda: simulator.state()["owed"] == 0)


def test_a_text_from_a_phone_is_posted_as_it_was_written(simulator: Simulator, hub: Listener) -> None:
    ids = simulator.control("inbound", [{"from": PHONE, "to": "+14155550101", "body": "é\r\n👋\x91", "pictures": 1}])
    until(lambda: hub.events("received"))
    (event,) = hub.events("received")
    assert (event["id"], event["from"], event["body"]) == (ids["ids"][0], PHONE, "é\r\n👋\x91")
    assert len(event["media"]) == 1


def test_texts_that_wait_together_are_posted_together(simulator: Simulator, hub: Listener) -> None:
    written = [{"from": PHONE, "to": "+14155550101", "body": str(number)} for number in range(50)]
    simulator.control("inbound", written)
    until(lambda: len(hub.events()) == 50)
    assert len(hub.posts) < 10


@pytest.mark.parametrize("answer", [503, 500, 429])
def test_a_webhook_that_was_not_taken_is_posted_again(simulator: Simulator, hub: Listener, answer: int) -> None:
    hub.answers = [answer, answer]
    simulator.control("inbound", {"from": PHONE, "to": "+14155550101", "body": "again"})
    until(lambda: simulator.state()["owed"] == 0)
    assert len(hub.posts) == 3
    assert len({body for _headers, body in hub.posts}) == 1


@pytest.mark.parametrize("answer", [400, 403, 404])
def test_a_webhook_that_was_refused_is_not(simulator: Simulator, hub: Listener, answer: int) -> None:
    hub.answers = [answer]
    simulator.control("inbound", {"from": PHONE, "to": "+14155550101", "body": "once"})
    until(lambda: simulator.state()["owed"] == 0)
    assert len(hub.posts) == 1


def test_without_a_webhook_address_nothing_can_be_written(simulator: Simulator) -> None:
    simulator.control("webhook", {"url": ""})
    answer = simulator.http.post("/control/inbound", json={"from": PHONE, "to": "+1", "body": "x"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_webhook_address")


@pytest.mark.parametrize("path", ["mode", "inbound", "webhook", "names", "reset"])
def test_another_sites_form_controls_nothing(simulator: Simulator, path: str) -> None:
    assert simulator.http.post(f"/control/{path}", data={"behaviour": "dies"}).status_code == 403


@pytest.mark.parametrize("document", [{}, {"behaviour": "x"}, {"behaviour": "delivered", "next": 0}, []])
def test_a_control_that_is_not_understood_is_400(simulator: Simulator, document: object) -> None:
    assert simulator.http.post("/control/mode", json=document).status_code == 400
