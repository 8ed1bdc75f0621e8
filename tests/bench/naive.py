"""What the relay is measured against: one Celery task a text, as it is usually written.

Each task loads its text, posts it over the process's kept-alive session, and writes the outcome; each receipt is one
UPDATE. No order, no policy, no lease: it would send twice after a crash, and loses a receipt that comes early.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any

import django
import requests
from celery import Celery
from django.apps import apps
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

if not apps.ready:
    django.setup()

app = Celery("naive", broker=os.environ.get("NAIVE_BROKER", "redis://127.0.0.1:6379/8"), set_as_current=False)
app.conf.update(task_ignore_result=True, task_default_queue="naive", worker_hijack_root_logger=False)


@lru_cache(maxsize=1)
def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@app.task(ignore_result=True)
def send(text_id: str) -> None:
    from messaging.models import Message

    text = Message.objects.get(pk=text_id)
    document = {
        "reference": str(text.pk), "from": text.own_e164, "to": text.counterpart, "body": text.body,
        "callback_url": os.environ["NAIVE_WEBHOOK"],
    }  # fmt: skip
    reply = _session().post(os.environ["NAIVE_CARRIER"], json=document, timeout=10)
    reply.raise_for_status()
    Message.objects.filter(pk=text.pk).exclude(status="delivered").update(
        status="sent", sent_at=timezone.now(), carrier_message_id=reply.json()["id"]
    )


@csrf_exempt
@login_not_required
def receipts(request: HttpRequest) -> HttpResponse:
    from messaging.models import Message

    events: list[dict[str, Any]] = json.loads(request.body)
    for event in events:
        Message.objects.filter(pk=event["reference"]).update(status="delivered", delivered_at=timezone.now())
    return HttpResponse("ok")
