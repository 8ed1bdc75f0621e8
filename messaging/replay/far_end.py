"""The simulator's controls, over HTTP. It runs on this machine, or the replay cannot be accounted for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

AT_ONCE = 500
TIMEOUT = 30.0


class FarEndError(Exception):
    """The simulator does not answer as it should; the message says what it answered."""


class FarEnd:
    """A simulator, by the base URL of its carrier account."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def state(self) -> dict[str, int]:
        """Texts taken and written, webhooks owed, and the newest text's number."""
        found: dict[str, int] = self._answer("GET", "/control/state")
        return found

    def deliver_all_to(self, phones: Sequence[str]) -> None:
        """Whatever the handset page says, these phones' texts are delivered."""
        self._post("mode", {"behaviour": "delivered", "phones": list(phones)})

    def as_every_phone(self, phones: Sequence[str]) -> None:
        """These phones are treated again as the handset page says for every phone."""
        self._post("mode", {"behaviour": None, "phones": list(phones)})

    def write(self, texts: Sequence[dict[str, str]]) -> list[str]:
        """Texts that phones write, as {"from", "to", "body"}; the carrier's ids, in order."""
        ids: list[str] = []
        for start in range(0, len(texts), AT_ONCE):
            ids += self._post("inbound", texts[start : start + AT_ONCE])["ids"]
        return ids

    def taken_after(self, newest: int) -> Iterator[dict[str, Any]]:
        """Every text truly taken since, with its reference and its body's SHA-256."""
        after: int | None = newest
        while after is not None:
            page = self._answer("GET", "/v1/taken", params={"after": after})
            yield from page["texts"]
            after = page["next"]

    def _post(self, name: str, document: Any) -> Any:
        # Pure ASCII: a text with half a surrogate pair can be written in JSON, but not in UTF-8.
        content = json.dumps(document).encode()
        return self._answer("POST", f"/control/{name}", content=content, headers={"Content-Type": "application/json"})

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._client.request(method, path, **options)
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise FarEndError(f"{path}: {error or type(error).__name__}") from error
