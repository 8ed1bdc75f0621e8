"""A house for one scenario: a database, a carrier, and processes that are really killed and really stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.db import connection
from django.urls import reverse

from messaging.compose import compose
from messaging.models import Message, SendingNumber
from provisioning import vault
from provisioning.models import User
from provisioning.refusals import Refusal
from tests import factories
from tests.faults.carrier import receipt
from tests.faults.points import AFTER_LEASE, AFTER_SENDING, BEFORE_COMMIT, IN_DISPATCH

__all__ = ["AFTER_LEASE", "AFTER_SENDING", "BEFORE_COMMIT", "IN_DISPATCH"]

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS, CARRIER_TIMEOUT_SECONDS = 3, 1
"""As short as they may be: the lease must outlive two timeouts."""
PATIENCE = 60.0
MOST_USERS = 40
"""Of one organization: a campaign takes 49 numbers."""
API_KEY, SECRET = "the api key", "the webhook secret"
PERSON = "+12065550122"


def until(look: Callable[[], Any], what: str = "", log: Path | None = None, patience: float = PATIENCE) -> Any:
    """What `look` returns once it is true; the test fails when that takes too long, and shows the log."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        said = log.read_text() if log and time.monotonic() > deadline else ""
        assert time.monotonic() < deadline, f"{what or look}: still {found!r} after {patience:.0f} s\n{said}"
        time.sleep(0.02)
    return found


class Nursery:
    """Where processes come from: Django is loaded once."""

    def __init__(self, data: Path) -> None:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "texting_hub.settings",
            "SECRET_KEY": settings.SECRET_KEY,
            "FIELD_KEYS": ",".join(settings.FIELD_KEYS),
            "HUB_DATA": str(data),
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": "",
            "BROKER_PREFIX": "",
            "SECOND_FACTOR_REQUIRED": "False",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._orders, self._answers = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        self._ready = False

    def fork(self, program: str, options: dict[str, Any], log: Path) -> int:
        if not self._ready:
            assert self._answers.readline() == "ready\n"
            self._ready = True
        self._orders.write(json.dumps({"program": program, "options": options, "log": str(log)}) + "\n")
        self._orders.flush()
        return int(self._answers.readline())

    def close(self) -> None:
        self._orders.close()
        self._process.wait(timeout=10)


@dataclass
class Process:
    """One process of the scenario."""

    pid: int
    folder: Path
    log: Path

    def at(self, point: str) -> None:
        """Wait until it waits at its point."""
        until((self.folder / f"{point.replace(' ', '-')}.reached").exists, f"worker at: {point}", self.log)

    def go_on(self, point: str) -> None:
        (self.folder / f"{point.replace(' ', '-')}.go").touch()

    def sweeps(self) -> int:
        """How often a relay has swept."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / "sweeps").read_text())
        return 0

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """SIGTERM: please end."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, to its children, too; and wait until it is gone."""
        children = self._children()
        _killed(self.pid, *children)
        until(lambda: not self.lives, f"process {self.pid} ends")

    def kill_children(self) -> None:
        """Of a pool: those that do the work, and not who started them."""
        children = self._children()
        assert children, self.log.read_text()
        _killed(*children)

    def _children(self) -> list[int]:
        with contextlib.suppress(OSError):
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        return []

    @property
    def lives(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


def _killed(*pids: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class CarrierProcess:
    """The far side: what it is to do, and what it truly took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.carrier", str(folder), SECRET],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        ports = json.loads(cast(IO[str], self._process.stdout).readline())
        self.url = f"http://127.0.0.1:{ports['traffic']}"
        self._control = socket.create_connection(("127.0.0.1", ports["control"]))
        self._answers = self._control.makefile("r")

    def order(self, order: str, **details: Any) -> Any:
        self._control.sendall(json.dumps({"order": order, **details}).encode() + b"\n")
        return json.loads(self._answers.readline())

    def script(self, body: str, *steps: str) -> None:
        self.order("script", scripts={body: steps})

    def ledger(self) -> list[dict[str, Any]]:
        """Everything it took, oldest first."""
        return self._lines("ledger")

    def attempts(self) -> list[dict[str, Any]]:
        """Everything that reached it, taken or not."""
        return self._lines("attempts")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        whole = (self.folder / f"{name}.jsonl").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def size(self) -> int:
        """How many texts it took, without reading them."""
        return (self.folder / "ledger.jsonl").read_bytes().count(b"\n")

    def taken(self) -> Counter[str]:
        return Counter(line["reference"] for line in self.ledger())

    def close(self) -> None:
        self._answers.close()
        self._control.close()
        self._process.kill()
        self._process.wait()
        cast(IO[str], self._process.stdout).close()


class House:
    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self.nursery, self.folder = nursery, folder
        self.carrier = CarrierProcess(folder)
        self.accepted: dict[uuid.UUID, str] = {}
        """Every text that somebody was told is accepted."""
        self.processes: list[Process] = []
        self.web_port = 0
        self.redis_url = ""
        self.lease_seconds, self.carrier_timeout = LEASE_SECONDS, CARRIER_TIMEOUT_SECONDS
        credentials = vault.seal({"api_key": API_KEY, "webhook_secret": SECRET})
        self.account = factories.CarrierAccountFactory(sealed_credentials=credentials, base_url=self.carrier.url)
        self.organization = factories.OrganizationFactory()

    def users(self, number: int) -> list[User]:
        """People who may text as fast as they like; of further organizations where there are many."""
        others = [factories.OrganizationFactory() for _ in range((number - 1) // MOST_USERS)]
        organizations = [self.organization, *others]
        made = [factories.texting_user(organizations[place // MOST_USERS]) for place in range(number)]
        SendingNumber.objects.update(texts_a_minute=100_000, burst=1000, tokens=1000, texts_a_day=1_000_000)
        return made

    def write(self, user: User, body: str = "Hello", to: str = PERSON) -> Message:
        """A text is accepted."""
        message = compose(user=user, to=to, body=body).message
        self.accepted[message.pk] = body
        return message

    def write_refused(self, user: User, to: str) -> str:
        """A text that is not accepted; the code of the refusal."""
        try:
            compose(user=user, to=to, body="refused")
        except Refusal as refusal:
            return refusal.code
        return ""

    def write_many(self, bodies: Iterable[str], user: User, to: str = PERSON) -> list[Message]:
        return [self.write(user, body, to) for body in bodies]

    @property
    def _database(self) -> str:
        return str(connection.settings_dict["NAME"])

    def start(self, program: str, **options: Any) -> Process:
        """A process; `settings` override the house's, `point` is where it waits (tests/faults/points.py)."""
        folder = self.folder / f"{len(self.processes)}-{program.replace(' ', '-')}"
        folder.mkdir()
        chosen = {
            "RELAY_LEASE_SECONDS": self.lease_seconds,
            "CARRIER_TIMEOUT_SECONDS": self.carrier_timeout,
            "PUBLIC_URL": f"http://127.0.0.1:{self.web_port or 9}",
            "REDIS_URL": self.redis_url,
            **options.pop("settings", {}),
        }
        given = {"database": self._database, "folder": str(folder), "name": folder.name, "settings": chosen, **options}
        log = folder / "log"
        log.touch()
        process = Process(self.nursery.fork(program, given, log), folder, log)
        self.processes.append(process)
        return process

    def relay(self, **options: Any) -> Process:
        return self.start("relay", **options)

    def waiting_at(self, point: str, **options: Any) -> Process:
        """A worker that has come to the point, and waits there."""
        worker = self.relay(point=point, **options)
        worker.at(point)
        return worker

    def open_web(self, **options: Any) -> Process:
        """The web server; workers started from now on tell the carrier to post there."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.web_port = probe.getsockname()[1]
        process = self.start("web", port=self.web_port, **options)
        until(lambda: self._answers(process), "web server", process.log)
        return process

    def _answers(self, process: Process) -> bool:
        assert process.lives, process.log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.web_port), timeout=1):
            return True
        return False

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.web_port}{reverse('webhook', args=[self.account.pk])}"

    def post(self, *documents: Any, at_once: int = 1, repeats: int = 0) -> list[int]:
        """The carrier posts webhooks; how each was answered."""
        how = {"at_once": at_once, "repeats": repeats}
        answers: list[int] = self.carrier.order("post", url=self.webhook, documents=documents, **how)
        return answers

    def receipt(self, text: Message, claim: str, at: float | None = None, code: str = "") -> int:
        return self.post(receipt(str(text.pk), claim, at, code))[0]

    def status(self, text: Message) -> str:
        return str(Message.objects.values_list("status", flat=True).get(pk=text.pk))

    def statuses(self, texts: Iterable[Message]) -> list[str]:
        found = dict(Message.objects.filter(pk__in=[text.pk for text in texts]).values_list("pk", "status"))
        return [found[text.pk] for text in texts]

    def statuses_left(self, texts: Iterable[Message]) -> int:
        """How many of the texts still wait."""
        return Message.objects.filter(pk__in=[text.pk for text in texts], status="queued").count()

    def paused(self) -> None:
        SendingNumber.objects.update(paused=True)

    def becomes(self, text: Message, *statuses: str) -> None:
        until(lambda: self.status(text) in statuses, f"{text.body} becomes {statuses}")

    def all_become(self, texts: Iterable[Message], status: str) -> None:
        until(lambda: set(self.statuses(texts)) == {status}, f"all become {status}")

    def taken(self, text: Message) -> int:
        return self.carrier.taken()[str(text.pk)]

    def logs(self) -> str:
        """What the processes had to say, for a failure's message."""
        return "\n".join(f"--- {process.folder.name}\n{process.log.read_text()[-4000:]}" for process in self.processes)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        self.carrier.close()


def places(house: House) -> dict[str, tuple[uuid.UUID | None, int | None]]:
    """Of each text: its conversation, and its place there."""
    found = Message.objects.filter(direction="out").values_list("pk", "conversation_id", "seq")
    return {str(pk): (conversation, seq) for pk, conversation, seq in found}


def by_conversation(house: House) -> dict[uuid.UUID, list[int]]:
    """The places of what the carrier took, in the order in which it took it."""
    known, taken = places(house), defaultdict(list)
    for line in house.carrier.ledger():
        conversation, seq = known.get(line["reference"], (None, None))
        if conversation is not None and seq is not None:
            taken[conversation].append(seq)
    return taken
