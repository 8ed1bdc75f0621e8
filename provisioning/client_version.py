"""The Webex app's version, which API clients may send: `Webex-App-Version: desktop/42.12.0`.

Texting needs desktop 42.12 or mobile 43.2. Older is 426 with the version it takes, anything else than platform/numbers
is 400, absent is allowed. Versions are compared as numbers: 42.9 is older than 42.12. The version last seen is kept on
the user, with when (to a minute), also that of a client that is refused: it is the one somebody will look up.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from provisioning.models import User
from provisioning.refusals import Refusal

if TYPE_CHECKING:
    from rest_framework.views import APIView

HEADER: Final = "Webex-App-Version"
NEEDED: Final = {"desktop": (42, 12), "mobile": (43, 2)}
SEEN_EVERY: Final = timedelta(minutes=1)
"""How exact `client_seen_at` is."""

_FORM = re.compile(r"(?P<platform>desktop|mobile)/(?P<numbers>[0-9]{1,6}(?:\.[0-9]{1,6}){1,4})")


class SupportedClient(BasePermission):
    """Comes after the access check: only whom we know can have a version kept."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        sent = request.headers.get(HEADER)
        if sent is None:
            return True
        platform, numbers = parse(sent)
        _keep(request.user, sent, timezone.now())
        refuse_if_too_old(platform, numbers)
        return True


def parse(sent: str) -> tuple[str, tuple[int, ...]]:
    """Platform and version numbers. Refusal (400): `invalid_client_version`."""
    form = _FORM.fullmatch(sent)
    if form is None:
        sentence = _("%(header)s is not understood. Send platform and version, as in desktop/42.12.0.")
        raise Refusal("invalid_client_version", sentence % {"header": HEADER}, http_status=400)
    return form["platform"], tuple(int(number) for number in form["numbers"].split("."))


def refuse_if_too_old(platform: str, numbers: tuple[int, ...]) -> None:
    """Refusal (426): `client_too_old`, with the version needed as `minimum`."""
    if numbers >= NEEDED[platform]:
        return
    minimum = ".".join(str(number) for number in NEEDED[platform])
    sentence = _("This Webex app is too old for texting. Update it to %(platform)s version %(minimum)s or newer.")
    words = {"platform": platform, "minimum": minimum}
    raise Refusal("client_too_old", sentence % words, http_status=426, minimum=f"{platform}/{minimum}")


def too_old(sent: str) -> str:
    """The version it would take, as in 42.12, when a version once seen is too old for texting; otherwise empty."""
    try:
        refuse_if_too_old(*parse(sent))
    except Refusal as refusal:
        return str(refusal.extra.get("minimum", "")).partition("/")[2]
    return ""


def _keep(user: Any, sent: str, now: datetime) -> None:
    """One write when the version changed, and one a minute to keep when it was seen."""
    stale = now - SEEN_EVERY
    if user.client_version == sent and user.client_seen_at is not None and user.client_seen_at > stale:
        return
    changed = ~Q(client_version=sent) | Q(client_seen_at__isnull=True) | Q(client_seen_at__lte=stale)
    User.objects.filter(changed, pk=user.pk).update(client_version=sent, client_seen_at=now)
    user.client_version, user.client_seen_at = sent, now
