"""Celery's way into this app: thin tasks, ids at most; one module a noun, each imported here."""

from provisioning.tasks import alerts, imports, mail, registration, sessions, tasks

__all__ = ["alerts", "imports", "mail", "registration", "sessions", "tasks"]
