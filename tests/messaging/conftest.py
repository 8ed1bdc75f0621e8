"""Fixtures of this folder: a database that threads share, and the stage for tests over real sockets."""

from tests.compliance.conftest import shared_database
from tests.messaging.stage import kept, stage

__all__ = ["kept", "shared_database", "stage"]
