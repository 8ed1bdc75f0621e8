"""The Exports tab: asking, progress, download, starting again."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from compliance import export_words, exports, packages
from compliance.export_runs import run_export
from compliance.models import AuditEvent, Export, ExportState
from messaging import clock
from tests import factories
from tests.compliance.rows import conversation_of, export_of, text
from tests.factories import NOW

pytestmark = pytest.mark.django_db
FORM = {"name": "Glove recall", "addresses": "", "numbers": "", "first_day": "", "last_day": ""}


@pytest.fixture(autouse=True)
def clock_stands_still(monkeypatch):
    monkeypatch.setattr(clock, "database_now", lambda: NOW)


@pytest.fixture
def desk(officer, signed_in_as):
    return signed_in_as(officer)


@pytest.fixture
def ready(officer, user):
    text(conversation_of(user), NOW, body="Your sample kit is ready.")
    export = export_of(officer)
    run_export(export.pk, now=lambda: NOW)
    export.refresh_from_db()
    return export


def test_an_export_is_asked_for_with_people_numbers_and_days(desk, officer, user, organization):
    colleague = factories.texting_user(organization)
    response = desk.post("/compliance/exports/new/", FORM | {
        "people": [str(user.pk)], "addresses": f"{colleague.email.upper()}\n{user.email}",
        "numbers": "(206) 555-0134, +44 20 7946 0000\n72345", "first_day": "2026-11-01", "last_day": "2026-11-02",
    })  # fmt: skip
    assert response.status_code == 302
    export = Export.objects.get()
    assert (export.name, export.requested_by, export.state) == ("Glove recall", officer, ExportState.WAITING)
    assert set(export.users.all()) == {user, colleague}
    assert export.numbers == ["+12065550134", "+442079460000", "72345"]
    assert export.begins_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert export.ends_at == datetime(2026, 11, 3, tzinfo=UTC)
    event = AuditEvent.objects.get(action="export.requested")
    assert (event.actor, event.via, event.ip) == (officer, "portal", "127.0.0.1")
    assert "The export is being made" in desk.get("/compliance/exports/").content.decode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": ""}, "Give the export a name"),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"addresses": "nobody@example.com"}, "No user of this organization has the address nobody@example.com."),
        ({"numbers": "hello"}, "“hello” is not a phone number."),
        ({"numbers": "+1 206 555 0134 ext. 5"}, "is not a phone number."),
        ({"numbers": ",".join(["+12065550134"] * 501)}, "At most 500 fit into one export."),
        ({"first_day": "2026-02-30"}, "This is not a day."),
        ({"first_day": "2026-11-24", "last_day": "2026-11-01"}, "The last day is before the first."),
        ({"last_day": "9999-12-31"}, "Choose a day between 2000 and 2100."),
        ({"people": ["018f0000-0000-7000-8000-000000000000"]}, "is not one of the available choices"),
    ],
)
def test_bad_input_gets_a_sentence_keeps_what_was_typed_and_asks_for_nothing(desk, user, typed, sentence):
    response = desk.post("/compliance/exports/new/", FORM | {"numbers": "+14155550101"} | typed)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert typed.get("name", "Glove recall") in response.content.decode()
    assert not Export.objects.exists()


def test_somebody_of_another_organization_can_not_be_chosen(desk, stranger):
    by_address = desk.post("/compliance/exports/new/", FORM | {"addresses": stranger.email})
    by_id = desk.post("/compliance/exports/new/", FORM | {"people": [str(stranger.pk)]})
    assert (by_address.status_code, by_id.status_code) == (422, 422)
    assert stranger.email not in desk.get("/compliance/exports/new/").content.decode()


def test_a_long_list_of_people_gives_way_to_addresses(desk, user, monkeypatch):
    from compliance import forms

    assert user.email in desk.get("/compliance/exports/new/").content.decode()
    monkeypatch.setattr(forms, "LISTED_PEOPLE", 1)
    assert user.email not in desk.get("/compliance/exports/new/").content.decode()


def test_each_state_says_what_it_is_and_what_to_do(desk, officer, ready):
    waiting = export_of(officer, name="Waits")
    export_of(officer, name="Runs", state="running", snapshot_at=NOW - timedelta(minutes=1), messages_total=4000,
              messages_done=1000)  # fmt: skip
    export_of(officer, name="Failed", state="failed", error_code="disk_full")
    page = desk.get("/compliance/exports/").content.decode()
    assert "Begins in a moment." in page
    assert "1,000 of 4,000 messages" in page
    assert "25%, about 3 minutes left" in page
    assert "The disk was full. No file was made. Free some space, then start it again." in page
    assert ready.file_sha256 in page
    assert "1 message, 1 conversation, 0 errors" in page
    assert f'hx-get="/compliance/exports/{waiting.pk}/card/" hx-trigger="every 2s"' in page
    assert page.count("hx-trigger") == 2


def test_an_export_that_lost_its_worker_promises_no_time(desk, officer):
    export_of(officer, state="running", snapshot_at=NOW - timedelta(hours=1), messages_total=4000, messages_done=1000,
              leased_until=NOW)  # fmt: skip
    assert "25%, goes on when a worker is free" in desk.get("/compliance/exports/").content.decode()


def test_an_export_that_only_began_is_counting(desk, officer):
    export_of(officer, state="running", snapshot_at=NOW)
    assert "Counting the messages" in desk.get("/compliance/exports/").content.decode()


@pytest.mark.parametrize(
    ("begins", "ends", "shown"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), "1 Nov 2026 to 2 Nov 2026"),
        (datetime(2026, 11, 1, tzinfo=UTC), None, "from 1 Nov 2026"),
        (None, datetime(2026, 11, 3, tzinfo=UTC), "up to 2 Nov 2026"),
        (None, None, "any day"),
    ],
)
def test_a_finished_export_says_which_days_were_chosen_the_last_included(desk, officer, begins, ends, shown):
    export = export_of(officer, begins_at=begins, ends_at=ends, numbers=["+12065550134"])
    run_export(export.pk, now=lambda: NOW)
    page = desk.get("/compliance/exports/").content.decode()
    assert shown in page
    assert "+1 206 555 0134" in page


def test_every_failure_code_has_a_sentence():
    from compliance import export_runs

    errors = [export_runs.TookTooLongError(), OSError(28, "full"), OSError(13, "no"), ValueError()]
    assert {export_runs._code_of(error) for error in errors} == set(export_words.FAILURES)


def test_a_card_asks_again_only_while_its_export_moves(desk, officer):
    export = export_of(officer)
    moving = desk.get(f"/compliance/exports/{export.pk}/card/").content.decode()
    run_export(export.pk, now=lambda: NOW)
    done = desk.get(f"/compliance/exports/{export.pk}/card/").content.decode()
    assert "hx-get" in moving
    assert "hx-get" not in done
    assert "Download" in done


def test_a_download_is_the_package_and_is_recorded_before_it_leaves(desk, ready, officer):
    response = desk.get(f"/compliance/exports/{ready.pk}/download/")
    assert AuditEvent.objects.get(action="export.downloaded").actor == officer
    content = b"".join(response.streaming_content)
    assert content == packages.package_of(ready.pk).read_bytes()
    assert "sample kit" in zipfile.ZipFile(io.BytesIO(content)).read("messages.csv").decode()
    assert response["Content-Disposition"] == f'attachment; filename="{ready.file_name}"'
    assert response["Content-Type"] == "application/zip"
    assert "no-store" in response["Cache-Control"]
    assert int(response["Content-Length"]) == len(content)
    assert Export.objects.get().downloads == 1


@pytest.mark.django_db(transaction=True)
async def test_a_download_under_asgi_goes_out_in_pieces(officer, user, ready):
    client = AsyncClient()
    await client.aforce_login(officer, backend="django.contrib.auth.backends.ModelBackend")
    response = await client.get(f"/compliance/exports/{ready.pk}/download/")
    assert response.is_async
    content = b"".join([piece async for piece in response])
    await sync_to_async(connections.close_all)()  # the one of the thread that answered
    assert content == packages.package_of(ready.pk).read_bytes()


def test_no_download_without_its_event(desk, ready, monkeypatch):
    from compliance import audit

    monkeypatch.setattr(audit, "append_many", lambda change: (_ for _ in ()).throw(RuntimeError))
    desk.raise_request_exception = False
    assert desk.get(f"/compliance/exports/{ready.pk}/download/").status_code == 500
    assert Export.objects.get().downloads == 0


def test_a_download_is_never_a_side_effect_of_a_head_or_post_request(desk, ready):
    assert desk.head(f"/compliance/exports/{ready.pk}/download/").status_code == 405
    assert desk.post(f"/compliance/exports/{ready.pk}/download/").status_code == 405
    assert Export.objects.get().downloads == 0


@pytest.mark.parametrize(
    ("state", "status", "code"), [("running", 409, "export_not_ready"), ("expired", 410, "export_gone")]
)
def test_an_export_without_a_package_says_so(desk, officer, state, status, code):
    export = export_of(officer, state=state)
    response = desk.get(f"/compliance/exports/{export.pk}/download/")
    assert response.status_code == status
    assert f'data-code="{code}"' in response.content.decode()


def test_a_package_that_vanished_from_the_disk_says_so(desk, ready):
    packages.remove(ready.pk)
    assert desk.get(f"/compliance/exports/{ready.pk}/download/").status_code == 410
    assert not AuditEvent.objects.filter(action="export.downloaded").exists()


def test_a_failed_export_is_started_again_and_no_other(desk, officer, monkeypatch):
    export = export_of(officer, state="failed", error_code="unexpected")
    again = f"/compliance/exports/{export.pk}/start-again/"
    assert desk.get(again).status_code == 405
    assert desk.post(again).status_code == 302
    assert Export.objects.get().state == ExportState.WAITING
    second = desk.post(again)
    assert second.status_code == 422
    assert 'data-code="export_not_failed"' in second.content.decode()


def test_another_organizations_export_is_not_there(desk, stranger):
    theirs = export_of(factories.with_role(stranger, "compliance_officer"), name="Theirs", state="failed")
    for method, page in [("get", "card"), ("get", "download"), ("post", "start-again")]:
        assert getattr(desk, method)(f"/compliance/exports/{theirs.pk}/{page}/").status_code == 404
    assert "Theirs" not in desk.get("/compliance/exports/").content.decode()


def test_the_list_goes_by_pages(desk, officer):
    for place in range(25):
        export_of(officer, name=f"Export {place:02}", created_at=NOW + timedelta(seconds=place))
    first = desk.get("/compliance/exports/")
    assert [card.export.name for card in first.context["cards"]] == [f"Export {n:02}" for n in range(24, 4, -1)]
    second = desk.get("/compliance/exports/", {"older": first.context["page"].older})
    assert [card.export.name for card in second.context["cards"]] == [f"Export {n:02}" for n in range(4, -1, -1)]


def test_asking_wakes_a_worker_and_survives_a_broker_that_is_down(
    officer, django_capture_on_commit_callbacks, desk, monkeypatch
):
    def down(*arguments, **options):
        raise ConnectionError("no broker")

    monkeypatch.setattr(exports.current_app, "send_task", down)
    with django_capture_on_commit_callbacks(execute=True):
        assert desk.post("/compliance/exports/new/", FORM).status_code == 302
    assert Export.objects.get().state == ExportState.WAITING
