"""Whether a number can text, as this carrier reports it: by rule, unless a test or command said otherwise.

Of numbers it hears of, those ending in 98 are not reported yet and those ending in 99 can't text; so are two of the
demonstration's. Numbers outside +1 it does not carry.
"""

from __future__ import annotations

import json
from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from simulator.control import controlled
from simulator.wire import is_authorized

CAPABLE, INCAPABLE, PENDING = "capable", "incapable", "pending"
MOST: Final = 100
LINE: Final = "The line is not enabled for messaging."
ABROAD: Final = "This carrier has no messaging outside the US and Canada."

OF_THE_DEMONSTRATION: Final = {"+14155550106": INCAPABLE, "+14155550114": PENDING}
ENDINGS: Final = {"98": PENDING, "99": INCAPABLE}

_told: dict[str, str] = {}
"""What `control/capability` said, until the process ends."""


def capability_of(e164: str) -> tuple[str, str]:
    """The report on one number, and the carrier's reason."""
    if e164 in _told:
        found = _told[e164]
    elif not e164.startswith("+1"):
        return INCAPABLE, ABROAD
    else:
        found = OF_THE_DEMONSTRATION.get(e164) or ENDINGS.get(e164[-2:], CAPABLE)
    return found, LINE if found == INCAPABLE else ""


@csrf_exempt
@require_POST
async def capability(request: HttpRequest) -> JsonResponse:
    """POST {"numbers": [...]}: what is known of at most 100 of them."""
    if not is_authorized(request.headers.get("authorization", "").encode()):
        return _problem(401, "unauthorized", "The API key is not valid.")
    try:
        numbers = json.loads(request.body)["numbers"]
    except (ValueError, KeyError, TypeError):
        numbers = None
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        return _problem(400, "malformed", "Needed: numbers, a list of texts.")
    if len(numbers) > MOST:
        return _problem(400, "too_many", f"At most {MOST} at once.")
    return JsonResponse({"numbers": [_report(number) for number in numbers]})


def _report(e164: str) -> dict[str, str]:
    found, reason = capability_of(e164)
    return {"number": e164, "capability": found, "reason": reason}


def _problem(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)


@controlled
async def told(document: dict[str, Any]) -> dict[str, Any]:
    """{"numbers": {number: capable | incapable | pending}}: what is reported of these; {}: by rule again."""
    listed = {str(number): str(found) for number, found in document["numbers"].items()}
    if not set(listed.values()) <= {CAPABLE, INCAPABLE, PENDING}:
        raise ValueError("capable, incapable or pending")
    _told.clear()
    _told.update(listed)
    return {"numbers": listed}
