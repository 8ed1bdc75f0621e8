"""The processes of a single-machine copy: which programs, with which arguments, in which environment.

Each gets only what it needs: the simulator knows nothing of our database, and nobody but the simulator and the
seeding knows the simulator's secrets.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from texting_hub.up import demonstration, ports, valkey
from texting_hub.up.folder import DataFolder
from texting_hub.up.process import Program
from texting_hub.up.words import ROOT, _

SHARED = (
    "HUB_DATA", "REDIS_URL", "DATABASE_URL", "BROKER_PREFIX", "PUBLIC_URL",
    "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "DEMONSTRATION", "SIMULATOR_URL",
)  # fmt: skip
"""What `./hub manage` takes over from a running copy."""

_FOREIGN = ("DJANGO_SETTINGS_MODULE", "PYTHONHOME", "PYTHONSTARTUP", "REMAP_SIGTERM", "DEMONSTRATION", "SIMULATOR_URL",
            "DEMO_PASSWORD", "SIMULATOR_API_KEY", "SIMULATOR_WEBHOOK_SECRET", "SIMULATOR_WEBHOOK_URL",
            "SIMULATOR_HUB_URL", "SIMULATOR_REGISTRY_KEY", "SIMULATOR_REGISTRY_SECRET",
            "SIMULATOR_REGISTRY_WEBHOOK_URL")  # fmt: skip
REGISTRY_ACCOUNT_ID = "01990000-0000-7000-8000-00000000000d"
"""The demonstration's account at the simulated registry, as seed_demo makes it."""
_NOT_THE_SIMULATORS = (*SHARED, "SECRET_KEY", "FIELD_KEYS", "EMAIL_URL")


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of the hub: its folder, its ports, and where its broker is."""

    folder: DataFolder
    port: int
    demonstrates: bool
    given: Mapping[str, str]
    """The environment of whoever started it."""

    @property
    def url(self) -> str:
        return f"http://{ports.HOST}:{self.port}"

    @property
    def simulator_url(self) -> str:
        return f"http://{ports.HOST}:{self.port + 1}/"

    @property
    def has_own_valkey(self) -> bool:
        return not self.given.get("REDIS_URL")

    @property
    def socket(self) -> Path:
        return valkey.socket_folder(self.folder.key) / valkey.SOCKET_NAME

    def shared(self) -> dict[str, str]:
        """The variables that make a Django process one of this copy's."""
        found = {
            "HUB_DATA": str(self.folder.path),
            "REDIS_URL": self.given.get("REDIS_URL") or valkey.url(self.socket),
            "PUBLIC_URL": self.given.get("PUBLIC_URL") or self.url,
            # Cookies know hosts, not ports: two copies on one host would sign each other out.
            "SESSION_COOKIE_NAME": f"hub_session_{self.port}",
            "CSRF_COOKIE_NAME": f"hub_csrf_{self.port}",
        }
        if self.given.get("DATABASE_URL"):
            found["DATABASE_URL"] = self.given["DATABASE_URL"]
        if not self.has_own_valkey:
            found["BROKER_PREFIX"] = self.given.get("BROKER_PREFIX") or f"hub-{self.folder.key}:"
        if self.demonstrates:
            found |= {"DEMONSTRATION": "1", "SIMULATOR_URL": self.simulator_url}
        return found

    def environment(self, **extra: str) -> dict[str, str]:
        return {**bare(self.given), **self.shared(), **extra}


def bare(given: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment, less what would change which project a child runs."""
    kept = {name: value for name, value in given.items() if name not in _FOREIGN}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def valkey_server(copy: Copy) -> Program:
    return Program(
        "valkey", _("broker (Valkey)"), valkey.command(copy.socket, copy.folder.path / "valkey"),
        bare(copy.given), copy.folder.path / "valkey", stop_seconds=10,
    )  # fmt: skip


def prepare(copy: Copy) -> Program:
    """Migrations, static files, the demonstration: one process, so that Django loads once."""
    extra = {}
    if copy.demonstrates:
        kept = demonstration.kept(copy.folder)
        extra = {
            "DEMO_PASSWORD": kept["password"],
            "SIMULATOR_API_KEY": kept["api_key"],
            "SIMULATOR_WEBHOOK_SECRET": kept["webhook_secret"],
            "SIMULATOR_REGISTRY_KEY": kept["registry_key"],
            "SIMULATOR_REGISTRY_SECRET": kept["registry_secret"],
        }
    command = _python("-m", "texting_hub.up.prepare")
    return Program("prepare", _("preparation"), command, copy.environment(**extra), ROOT)


def web(copy: Copy) -> Program:
    extra = {"DEMO_PASSWORD": demonstration.kept(copy.folder)["password"]} if copy.demonstrates else {}
    command = _python(
        "-m", "uvicorn", "texting_hub.asgi:application", "--host", ports.HOST, "--port", str(copy.port),
        "--lifespan", "off", "--no-access-log", "--no-proxy-headers", "--no-server-header",
        "--timeout-graceful-shutdown", "2",
    )  # fmt: skip
    return Program("web", _("web"), command, copy.environment(**extra), ROOT, stop_seconds=5)


def _worker(copy: Copy, queue: str, title: str, concurrency: int, stop_seconds: float) -> Program:
    command = _python(
        "-m", "celery", "-A", "texting_hub", "worker", "-Q", queue, "-n", f"{queue}-{copy.folder.key}@%h",
        "-c", str(concurrency), "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO",
    )  # fmt: skip
    return Program(queue, title, command, copy.environment(), ROOT, stop_seconds)


def relay(copy: Copy) -> Program:
    """One process: it keeps its carrier connections open. A dispatch in flight may take the carrier's whole timeout."""
    return _worker(copy, "relay", _("relay worker"), concurrency=1, stop_seconds=15)


def general(copy: Copy) -> Program:
    """Two processes: a long export does not delay the relay's sweep. What is cut off resumes by itself."""
    return _worker(copy, "general", _("general worker"), concurrency=2, stop_seconds=15)


def beat(copy: Copy) -> Program:
    schedule = copy.folder.path / "beat" / "schedule"
    command = _python("-m", "celery", "-A", "texting_hub", "beat", "-s", str(schedule), "--pidfile=", "-l", "WARNING")
    return Program("beat", _("beat"), command, copy.environment(), ROOT, stop_seconds=3)


def simulator(copy: Copy) -> Program:
    """The carrier on the other side: an environment without anything of ours but the addresses it calls."""
    kept = demonstration.kept(copy.folder)
    environment = {name: value for name, value in bare(copy.given).items() if name not in _NOT_THE_SIMULATORS}
    environment |= {
        "SIMULATOR_API_KEY": kept["api_key"],
        "SIMULATOR_WEBHOOK_SECRET": kept["webhook_secret"],
        "SIMULATOR_WEBHOOK_URL": f"{copy.url}/webhooks/{kept['carrier_account_id']}/",
        "SIMULATOR_HUB_URL": f"{copy.url}/",
        "SIMULATOR_REGISTRY_KEY": kept["registry_key"],
        "SIMULATOR_REGISTRY_SECRET": kept["registry_secret"],
        # The registry signs the address as the hub knows it.
        "SIMULATOR_REGISTRY_WEBHOOK_URL": (
            f"{copy.shared()['PUBLIC_URL'].rstrip('/')}/webhooks/registry/{REGISTRY_ACCOUNT_ID}/"
        ),
    }
    data = copy.folder.path / "simulator"
    command = _python("-m", "simulator", "--port", str(copy.port + 1), "--data", str(data))
    return Program("simulator", _("carrier simulator"), command, environment, ROOT, stop_seconds=3)


def simulator_exists() -> bool:
    """A production image carries none."""
    return (ROOT / "simulator" / "__init__.py").exists()


def environment_for_commands(folder: DataFolder) -> dict[str, str]:
    """For `./hub manage`: the running copy's variables; what the caller sets wins."""
    run = folder.read_run() if folder.is_held() else {}
    inherited = {name: str(value) for name, value in dict(run.get("environment", {})).items() if name in SHARED}
    return {**inherited, **os.environ, "HUB_DATA": str(folder.path), "PYTHONPATH": str(ROOT)}
