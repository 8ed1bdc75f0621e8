"""Fixtures of this folder: the stage for tests over real sockets."""

from tests.messaging.stage import kept, stage

__all__ = ["kept", "stage"]
