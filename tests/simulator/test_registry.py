"""The simulated registry: what it takes, answers and decides."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import httpx
import pytest

from tests.simulator.process import REGISTRY_KEY, REGISTRY_SECRET, Listener, Simulator, until

pytestmark = [pytest.mark.slow, pytest.mark.once]

BRAND = {"legal_name": "Northwind Dental Supply, Inc.", "entity_type": "private", "tax_id": "94-3128765"}
CAMPAIGN = {
    "use_case": "customer_care",
    "samples": ["Northwind Dental: hello", "Bye"],
    "opt_out_message": "You are opted out.",
    "message_flow": "They agree on a form.",
}


def submit(
    simulator: Simulator, kind: str, reference: str, document: Any, hub: Listener | None = None
) -> httpx.Response:
    whole = {**document, "reference": reference, "callback_url": hub.url if hub else ""}
    headers = {"Authorization": f"Bearer {REGISTRY_KEY}"}
    return simulator.http.post(f"/registry/v1/{kind}", json=whole, headers=headers)


def look_up(simulator: Simulator, reference: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {REGISTRY_KEY}"}
    return simulator.http.get(f"/registry/v1/submissions/{reference}", headers=headers)


def taken(simulator: Simulator, reference: str) -> int:
    return int(simulator.http.get("/registry/v1/taken", params={"reference": reference}).json()["count"])


def test_a_brand_is_taken_reviewed_and_told_of_by_a_signed_webhook(simulator: Simulator, hub: Listener) -> None:
    answer = submit(simulator, "brands", "b-1", BRAND, hub)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    event = until(lambda: hub.events("verified"))[0]
    assert (event["type"], event["reference"], event["id"]) == ("brand.verified", "b-1", answer.json()["id"])
    headers, body = hub.posts[0]
    signed = f"{headers['x-registry-timestamp']}.{hub.url}.".encode() + body
    expected = hmac.new(REGISTRY_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-registry-signature"] == expected
    assert look_up(simulator, "b-1").json()["status"] == "verified"


def test_the_reviewer_rejects_by_what_is_written(simulator: Simulator, hub: Listener) -> None:
    brand = submit(simulator, "brands", "b-1", BRAND, hub).json()["id"]
    submit(simulator, "campaigns", "c-1", {**CAMPAIGN, "brand_id": brand, "samples": ["Hello", "Bye"]}, hub)
    rejected = until(lambda: hub.events("campaign.rejected"))[0]
    assert [(reason["code"], reason["field"]) for reason in rejected["reasons"]] == [("701", "sample_1")]
    submit(simulator, "campaigns", "c-2", {**CAMPAIGN, "brand_id": brand, "registry_id": rejected["id"]}, hub)
    active = until(lambda: hub.events("campaign.active"))[0]
    assert (active["id"], active["throughput_class"]) == (rejected["id"], "E")
    assert active["expires_at"] > active["at"]


def test_a_double_submission_is_visible(simulator: Simulator) -> None:
    for _time in range(2):
        submit(simulator, "brands", "twice", BRAND)
    assert (taken(simulator, "twice"), taken(simulator, "never")) == (2, 0)


def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    for path in ("/registry/v1/brands", "/registry/v1/campaigns"):
        assert simulator.http.post(path, json=BRAND, headers={"Authorization": "Bearer x"}).status_code == 401
    assert simulator.http.get("/registry/v1/submissions/x").status_code == 401


@pytest.mark.parametrize("document", [[], {"reference": 1}, {"reference": "x"}, {"reference": "x", "legal_name": "y"}])
def test_what_is_no_brand_is_refused(simulator: Simulator, document: Any) -> None:
    headers = {"Authorization": f"Bearer {REGISTRY_KEY}"}
    assert simulator.http.post("/registry/v1/brands", json=document, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("treatment", "status", "took"),
    [
        ("hold", 202, 1), ("approve", 202, 1), ("reject", 202, 1), ("refuse", 422, 0), ("not_taken", 503, 0),
        ("error_after_taking", 500, 1), ("timeout_after_taking", None, 1), ("timeout", None, 0),
        ("dropped_after_taking", None, 1),
    ],
)  # fmt: skip
def test_an_answer_and_the_truth_about_it(simulator: Simulator, treatment: str, status: int | None, took: int) -> None:
    simulator.control("registry", {"treatment": treatment, "next": 1})
    try:
        answered: int | None = submit(simulator, "brands", "this", BRAND).status_code
    except httpx.TransportError:
        answered = None
    assert (answered, taken(simulator, "this")) == (status, took)
    assert submit(simulator, "brands", "the next", BRAND).status_code == 202


def test_a_lookup_lags_behind_as_it_is_told(simulator: Simulator) -> None:
    simulator.control("registry", {"treatment": "hold", "lag": 0.5})
    submit(simulator, "brands", "slow", BRAND)
    assert (look_up(simulator, "slow").status_code, look_up(simulator, "slow").json()["code"]) == (
        404,
        "unknown_reference",
    )
    assert until(lambda: look_up(simulator, "slow").status_code == 200)


def test_a_person_decides_at_the_desk(simulator: Simulator, hub: Listener) -> None:
    simulator.control("registry", {"treatment": "hold"})
    submit(simulator, "brands", "held", BRAND, hub)
    page = simulator.http.get("/registry/")
    assert "Northwind Dental Supply, Inc." in page.text
    token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    form = {"csrfmiddlewaretoken": token, "reference": "held", "step": "rejected", "reason": "602"}
    assert simulator.http.post("/registry/decide/", data=form).status_code == 302
    event = until(lambda: hub.events("rejected"))[0]
    assert event["reasons"][0]["code"] == "602"
    assert simulator.http.post("/registry/decide/", data={**form, "step": "expired"}).status_code == 422
    chosen = simulator.http.post("/registry/choose/", data={**form, "treatment": "refuse", "reason": "601"})
    assert chosen.status_code == 302
    assert submit(simulator, "brands", "refused", BRAND).json()["reasons"][0]["code"] == "601"
