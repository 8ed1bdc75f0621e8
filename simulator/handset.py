"""The virtual handset: one page on which one plays the customer's phone and tells the carrier what to do."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from simulator import numbers, screen, texts
from simulator.behaviours import BEHAVIOURS, CODES, DEFAULT_CODE
from simulator.carrier import NoWebhookAddressError, the_carrier
from simulator.models import Phone

LONGEST = 4000
MOST_NEXT = 999


class NotUnderstoodError(Exception):
    """A form that cannot be acted on. `field` is where the sentence is shown."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.sentence = field, sentence


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return _page(request)


def _page(request: HttpRequest, error: NotUnderstoodError | None = None) -> HttpResponse:
    shown = screen.context(the_carrier(), request.GET if error is None else _chosen(request, error))
    shown |= {"hub_url": settings.HUB_URL, "typed": request.POST}
    if error is not None:
        shown |= {"error_field": error.field, "error": error.sentence}
    return render(request, "simulator/handset.html", shown, status=422 if error else 200)


def _chosen(request: HttpRequest, error: NotUnderstoodError) -> QueryDict:
    """The phone and thread that the refused form was on."""
    chosen = QueryDict(mutable=True)
    chosen["phone"] = request.POST.get("phone", "")
    if error.field == "business":
        chosen["new"] = "1"
    else:
        chosen["business"] = request.POST.get("business", "")
    return chosen


@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """The parts of the page that change by themselves; 304 when nothing did."""
    carrier = the_carrier()
    tag = f'"{screen.version(carrier, request.GET)}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponseNotModified()
    response = render(request, "simulator/_live.html", screen.context(carrier, request.GET))
    response["ETag"] = tag
    response["Cache-Control"] = "no-cache"
    return response


@require_POST
def write(request: HttpRequest) -> HttpResponse:
    """The chosen phone writes: what is typed, a keyword (`key`), or a picture."""
    try:
        phone = _number("phone", request.POST.get("phone", ""))
        business = _number("business", request.POST.get("business", ""))
        text = texts.from_phone(phone=phone, business=business, **_content(request))
        async_to_sync(the_carrier().carry)([text])
    except NotUnderstoodError as error:
        return _page(request, error)
    except NoWebhookAddressError:
        sentence = _("There is no hub to text: start the simulator with SIMULATOR_WEBHOOK_URL.")
        return _page(request, NotUnderstoodError("reply", sentence))
    return _back(phone, business)


def _content(request: HttpRequest) -> dict[str, Any]:
    key = request.POST.get("key", "")
    body = (key if key in ("STOP", "START", "HELP") else request.POST.get("reply", ""))[:LONGEST]
    pictures = 1 if key == "picture" else 0
    if not body and not pictures:
        raise NotUnderstoodError("reply", _("Write something first."))
    return {"body": body, "pictures": pictures}


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """What the carrier does with the next texts."""
    try:
        behaviour = BEHAVIOURS.get(request.POST.get("behaviour", ""))
        if behaviour is None or not behaviour.shown:
            raise NotUnderstoodError("behaviour", _("Choose one of these."))
        phones = [request.POST["phone"]] if request.POST.get("reach") == "phone" else []
        code = request.POST.get("code", DEFAULT_CODE)
        code = code if code in CODES else DEFAULT_CODE
        async_to_sync(the_carrier().set_rule)(behaviour, phones, code, _how_many(request.POST.get("next", "")))
    except NotUnderstoodError as error:
        return _page(request, error)
    return _back(request.POST.get("phone", ""), request.POST.get("business", ""))


def _how_many(typed: str) -> int | None:
    """Empty: until changed."""
    if not typed.strip():
        return None
    if not typed.strip().isdecimal() or not 1 <= int(typed) <= MOST_NEXT:
        raise NotUnderstoodError("next", _("Write a number from 1 to 999, or leave it empty."))
    return int(typed)


@require_POST
def add_phone(request: HttpRequest) -> HttpResponse:
    """One more phone to play."""
    try:
        e164 = _number("number", request.POST.get("number", ""))
    except NotUnderstoodError as error:
        return _page(request, error)
    name = request.POST.get("name", "").strip()[:60]
    row = Phone(e164=e164, name=name)
    if not Phone.objects.filter(pk=e164).exists():
        async_to_sync(the_carrier().ledger.insert)([row])
    return _back(e164, "")


def _number(field: str, typed: str) -> str:
    number = numbers.typed(typed)
    if number is None:
        raise NotUnderstoodError(field, _("This is not a phone number. Write it like +1 415 555 0101."))
    return number


def _back(phone: str, business: str) -> HttpResponse:
    chosen = {name: value for name, value in (("phone", phone), ("business", business)) if value}
    return redirect(f"{reverse('handset')}?{urlencode(chosen)}" if chosen else reverse("handset"))
