"""Where a request came from, on each of its log lines."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.http import HttpRequest
from django_structlog.signals import bind_extra_request_metadata
from structlog.contextvars import bind_contextvars


@receiver(bind_extra_request_metadata, dispatch_uid="request_log_address")
def bind_address(request: HttpRequest, **kwargs: Any) -> None:
    """The address that rate limits and the audit log go by, too (texting_hub/proxy.py)."""
    bind_contextvars(ip=request.META.get("REMOTE_ADDR"))
