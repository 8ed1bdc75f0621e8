"""The adapter against the real simulator: its answers, its timeouts, its lookups, its webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from provisioning import clock, vault
from provisioning.changes import Actor
from provisioning.models import Brand, RegistryAccount, RegistrySubmission
from provisioning.registration import submissions
from provisioning.registration.registries.base import Unavailable, Unconfirmed
from provisioning.registration.registries.simulator import SimulatedRegistry
from tests import factories
from tests.messaging.far_side import unused_port
from tests.provisioning.registration import rows
from tests.simulator.process import REGISTRY_KEY, REGISTRY_SECRET, Simulator, until

pytestmark = pytest.mark.slow
SOMEBODY = Actor.system("test")


class Stage:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def taken(self, submission: RegistrySubmission) -> int:
        found = self.simulator.http.get("/registry/v1/taken", params={"reference": str(submission.pk)})
        return int(found.json()["count"])

    def treat(self, treatment: str, **more: Any) -> None:
        self.simulator.control("registry", {"treatment": treatment, "next": 1, **more})


@pytest.fixture
def stage(shared_database: None, request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[Stage]:
    server = request.getfixturevalue("live_server")
    settings.PUBLIC_URL = server.url
    settings.REGISTRY_TIMEOUT_SECONDS = 0.5
    simulator = Simulator(tmp_path / "simulator", f"{server.url}/")
    sealed = vault.seal({"api_key": REGISTRY_KEY, "webhook_secret": REGISTRY_SECRET})
    RegistryAccount.objects.create(
        name="Simulator", registry="simulator", base_url=simulator.url, sealed_credentials=sealed
    )
    yield Stage(simulator)
    simulator.stop()


def submitted() -> RegistrySubmission:
    brand = rows.brand_of(factories.OrganizationFactory())
    return submissions.submit(brand, SOMEBODY, clock.database_now())


def status(submission: RegistrySubmission) -> str:
    return Brand.objects.get(pk=submission.brand_id).status


def later(seconds: float) -> Any:
    return lambda: clock.database_now() + timedelta(seconds=seconds)


def test_a_brand_is_handed_in_and_verified_by_webhook(stage: Stage) -> None:
    submission = submitted()
    submissions.send(submission.pk)
    assert status(submission) in ("pending", "verified")
    until(lambda: status(submission) == "verified")
    assert (stage.taken(submission), Brand.objects.get().segments_a_day) == (1, 10_000)


@pytest.mark.parametrize("treatment", ["timeout_after_taking", "dropped_after_taking", "error_after_taking"])
def test_what_was_taken_without_an_answer_is_found_and_taken_once(stage: Stage, treatment: str) -> None:
    stage.treat(treatment)
    submission = submitted()
    submissions.send(submission.pk)
    submissions.sweep(later(5))
    until(lambda: status(submission) == "verified")
    assert stage.taken(submission) == 1


def test_what_was_not_taken_without_an_answer_becomes_a_draft(stage: Stage) -> None:
    stage.treat("timeout")
    submission = submitted()
    submissions.send(submission.pk)
    assert status(submission) == "submitting"
    submissions.sweep(later(5))
    assert status(submission) == "submitting"
    submissions.sweep(later(200))
    assert (status(submission), stage.taken(submission)) == ("draft", 0)


def test_what_is_certainly_not_taken_is_handed_in_again(stage: Stage) -> None:
    stage.treat("not_taken")
    submission = submitted()
    submissions.send(submission.pk)
    submissions.sweep(later(10))
    until(lambda: status(submission) == "verified")
    assert stage.taken(submission) == 1


def test_what_is_refused_at_once_is_rejected_with_its_reasons(stage: Stage) -> None:
    stage.treat("refuse", reason="601")
    submission = submitted()
    submissions.send(submission.pk)
    brand = Brand.objects.get()
    assert (brand.status, brand.reason) == ("rejected", "The legal name and the tax id do not belong together")
    assert stage.taken(submission) == 0


def test_a_lookup_that_lags_is_not_believed_too_early(stage: Stage) -> None:
    sealed = vault.seal({"api_key": REGISTRY_KEY, "webhook_secret": "so that no webhook is taken"})
    RegistryAccount.objects.update(sealed_credentials=sealed)
    stage.simulator.control("registry", {"treatment": "timeout_after_taking", "lag": 1.5})
    submission = submitted()
    submissions.send(submission.pk)
    submissions.sweep(later(5))
    assert status(submission) == "submitting"
    assert until(lambda: submissions.sweep(later(60)) >= 0 and status(submission) != "submitting")
    assert stage.taken(submission) == 1


def adapter(url: str, key: str = "key") -> SimulatedRegistry:
    return SimulatedRegistry(url, {"api_key": key, "webhook_secret": "s"})


def test_where_nobody_listens_nothing_is_taken() -> None:
    nobody = adapter(f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(Unavailable):
        nobody.submit_brand("reference", {})
    with pytest.raises(Unavailable):
        nobody.look_up("reference")
    with pytest.raises(Unavailable):
        adapter("nonsense://x").submit_brand("reference", {})


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (202, '{"status": "pending", "at": "2026-01-01T00:00:00+00:00"}', None),
        (202, "", Unconfirmed),
        (202, '{"status": "lost", "at": "2026-01-01T00:00:00+00:00"}', Unconfirmed),
        (200, '{"status": "pending", "at": "2026-01-01T00:00:00+00:00"}', Unconfirmed),
        (422, "<html>", Unconfirmed),
        (500, "", Unconfirmed),
        (503, "", Unconfirmed),
        (503, '{"code": "not_taken"}', Unavailable),
        (401, "", Unavailable),
        (429, "", Unavailable),
    ],
)
def test_answers_are_believed_only_as_far_as_they_are_documented(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str, raised: type[Exception] | None
) -> None:
    registry = adapter("http://registry.example")
    monkeypatch.setattr(registry, "_ask", lambda *_a, **_k: httpx.Response(status, text=body))
    if raised is None:
        assert registry.submit_brand("reference", {}).step == "pending"
    else:
        with pytest.raises(raised):
            registry.submit_brand("reference", {})


@pytest.mark.parametrize(("status", "body"), [(404, "<html>"), (404, '{"code": "x"}'), (200, "{}"), (500, "")])
def test_a_lookup_finds_nothing_only_where_the_registry_says_so(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    registry = adapter("http://registry.example")
    monkeypatch.setattr(registry, "_ask", lambda *_a, **_k: httpx.Response(status, text=body))
    with pytest.raises(Unavailable):
        registry.look_up("reference")
    monkeypatch.setattr(registry, "_ask", lambda *_a, **_k: httpx.Response(404, text='{"code": "unknown_reference"}'))
    assert registry.look_up("reference") is None
