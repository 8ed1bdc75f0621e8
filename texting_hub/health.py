"""`/healthz`: the process answers. `/readyz`: it can work: the database answers (Redis is told, not required)."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis.exceptions import RedisError

from provisioning.roles import public


@public
def alive(request: HttpRequest) -> JsonResponse:
    """Public: a load balancer asks, and learns nothing but that the process answers."""
    return JsonResponse({"status": "ok"})


@public
def ready(request: HttpRequest) -> JsonResponse:
    """Public: a load balancer asks. 503 without the database; without Redis, texts still go out by the sweep."""
    database, broker = _database_answers(), _redis_answers()
    body = {"status": "ok" if database else "unavailable", "database": database, "redis": broker}
    return JsonResponse(body, status=200 if database else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    if not settings.REDIS_URL:
        return False
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
            return bool(client.ping())
    except RedisError:
        return False
