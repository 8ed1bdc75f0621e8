"""No request brings more than the largest file: what is larger is answered 413, unread, in memory and on disk."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.test import Client

from provisioning import csv_files
from texting_hub import bodies


def test_the_largest_file_fits_into_the_largest_body(settings: Any) -> None:
    assert csv_files.MOST_BYTES < settings.LARGEST_BODY
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE == settings.LARGEST_BODY


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["1000000000", "9" * 400])
def test_a_body_that_says_it_is_too_large_is_refused_unread(client: Client, length: str) -> None:
    answer = client.post("/sign-in/", b"x", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=length)
    assert answer.status_code == 413
    assert "larger than 11 MB" in answer.content.decode()
    answer = client.post("/api/v1/people/imports", b"x", content_type="text/csv", CONTENT_LENGTH=length)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


class Wire:
    """The server's side of one ASGI request, whose body comes in pieces until nobody asks for more."""

    def __init__(self, headers: list[tuple[bytes, bytes]], pieces: int) -> None:
        self.scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/sign-in/", "raw_path": b"/sign-in/", "query_string": b"", "root_path": "",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"text/csv"), *headers],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        self.left = pieces
        self.given = 0
        self.status = 0

    async def receive(self) -> dict[str, Any]:
        if self.status or not self.left:
            await asyncio.sleep(3600)
        self.left -= 1
        self.given += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x" * 1024 * 1024, "more_body": self.left > 0}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)

    def serve(self) -> None:
        """What uvicorn does with one request. The application asks the database at its import, so not before here."""
        from texting_hub.asgi import application

        asyncio.run(application(self.scope, self.receive, self.send))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"1073741824")]])
def test_an_endless_body_is_cut_off_and_answered_under_asgi(headers: list[tuple[bytes, bytes]]) -> None:
    wire = Wire(headers, pieces=1024)
    wire.serve()
    assert wire.status == 413
    assert wire.scope[bodies.CUT_OFF]


@pytest.mark.django_db(transaction=True)
def test_an_ordinary_body_comes_through_whole_under_asgi() -> None:
    wire = Wire([(b"content-length", b"3145728")], pieces=3)
    wire.serve()
    assert wire.given == 3
    assert bodies.CUT_OFF not in wire.scope
    assert wire.status not in (0, 413)
