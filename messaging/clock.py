"""The database's clock, as the relay and the compliance desk read it."""

from provisioning.clock import aware, database_now

__all__ = ["aware", "database_now"]
