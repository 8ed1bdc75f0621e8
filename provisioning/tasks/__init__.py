"""Celery's way into this app: thin tasks, ids at most; one module a noun, each imported here."""
