"""The commands themselves: up, down, status, manage; backup, restore and verify-backup by way of manage."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any, NoReturn

from texting_hub.up import demonstration, identity, programs
from texting_hub.up.folder import DataFolder
from texting_hub.up.programs import Copy
from texting_hub.up.supervisor import Supervisor
from texting_hub.up.terminal import say, table
from texting_hub.up.words import ROOT, Trouble, _

RUNNING, NOT_RUNNING = 0, 3
"""Exit codes of `status`, as service managers use them."""
DOWN_SECONDS = 60
"""Longer than all stages of an orderly stop together."""


def chosen_folder() -> Path:
    """HUB_DATA, which `./hub --data DIR` sets; otherwise .hub beside the code."""
    return Path(os.environ.get("HUB_DATA") or ROOT / ".hub")


def up(options: Namespace) -> int:
    """Run a copy in the foreground until it is told to stop."""
    os.umask(0o077)
    began = time.monotonic()
    folder = DataFolder(options.data)
    demonstrates = options.demo and programs.simulator_exists()
    copy = Copy(folder, options.port, demonstrates, dict(os.environ))

    def announce() -> None:
        say()
        say(_("Texting Hub is ready (%(seconds).1f s).") % {"seconds": time.monotonic() - began})
        for line in summary(folder, folder.read_run()):
            say(line)
        say()
        say(_("Stop it with Ctrl-C or ./hub down."))

    Supervisor(copy, announce).run()
    say(_("Stopped. The data stays in %(folder)s") % {"folder": folder.path})
    return 0


def summary(folder: DataFolder, run: dict[str, Any]) -> list[str]:
    """Addresses and one sign-in for each role."""
    rows = [[_("Address"), run["url"]]]
    if run["simulator_url"]:
        rows.append([_("The customer's phone"), run["simulator_url"]])
    rows += [[_("Data"), str(folder.path)], [_("Logs"), str(folder.logs)]]
    lines = table(rows)
    if run["simulator_url"]:
        sign_ins = demonstration.sign_ins(folder)
        people = [[entry["title"], entry["name"], entry["email"]] for entry in sign_ins]
        password = demonstration.kept(folder)["password"]
        lines += ["", _("Sign in as (password for all: %(password)s)") % {"password": password}, *table(people)]
    return lines


def down(options: Namespace) -> int:
    """Stop the running copy and wait until its last process is gone."""
    folder = DataFolder(options.data)
    run = folder.read_run()
    if not is_running(folder, run):
        say(_("Nothing is running with the data folder %(folder)s") % {"folder": folder.path})
        return 0
    os.kill(run["pid"], signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while identity.runs(run["pid"], run["start"]):
        if time.monotonic() > deadline:
            os.kill(run["pid"], signal.SIGKILL)
            say(_("It did not stop within %(seconds)d s and was ended by force.") % {"seconds": DOWN_SECONDS})
        time.sleep(0.1)
    _wait_for_the_rest(run)
    say(_("Stopped. The data stays in %(folder)s") % {"folder": folder.path})
    return 0


def _wait_for_the_rest(run: dict[str, Any]) -> None:
    """After an end by force the watchdog needs an instant; what it cannot see is ended here."""
    deadline = time.monotonic() + 5
    for child in run["children"].values():
        while child["pid"] and identity.runs(child["pid"], child["start"]):
            if time.monotonic() > deadline:
                identity.end_group(child["pid"], child["start"])
            time.sleep(0.05)


def is_running(folder: DataFolder, run: dict[str, Any]) -> bool:
    """By the kernel's lock and by number and start time: a number alone may be another process by now."""
    return bool(run) and folder.is_held() and identity.runs(run["pid"], run["start"])


def status(options: Namespace) -> int:
    """What runs, where, and who may sign in."""
    folder = DataFolder(options.data)
    run = folder.read_run()
    running = is_running(folder, run)
    if options.json:
        say(json.dumps(_machine_readable(folder, run, running), indent=1))
    elif running:
        _tell_status(folder, run)
    else:
        say(_("Nothing is running with the data folder %(folder)s. Start it with ./hub up.") % {"folder": folder.path})
    return RUNNING if running else NOT_RUNNING


def _tell_status(folder: DataFolder, run: dict[str, Any]) -> None:
    say(_("Texting Hub is running.") if run["ready"] else _("Texting Hub is starting or stopping."))
    for line in summary(folder, run):
        say(line)
    say()
    say(_("Processes"))
    rows = [[_("supervisor"), str(run["pid"]), ""]]
    rows += [_process_row(child) for child in run["children"].values()]
    for line in table(rows):
        say(line)


def _process_row(child: dict[str, Any]) -> list[str]:
    waiting = not child["pid"] or not identity.runs(child["pid"], child["start"])
    restarts = _("restarts: %(count)d") % {"count": child["restarts"]} if child["restarts"] else ""
    return [child["title"], _("waiting to start again") if waiting else str(child["pid"]), restarts]


def _machine_readable(folder: DataFolder, run: dict[str, Any], running: bool) -> dict[str, Any]:
    if not running:
        return {"running": False, "data": str(folder.path)}
    return {
        "running": True,
        "ready": run["ready"],
        "pid": run["pid"],
        "url": run["url"],
        "simulator_url": run["simulator_url"],
        "data": str(folder.path),
        "sign_ins": demonstration.sign_ins(folder) if run["simulator_url"] else [],
        "processes": {name: child["pid"] for name, child in run["children"].items()},
    }


def manage(arguments: list[str]) -> NoReturn:
    """Become manage.py, in the running copy's environment."""
    environment = programs.environment_for_commands(DataFolder(chosen_folder()))
    os.execve(sys.executable, [sys.executable, str(ROOT / "manage.py"), *arguments], environment)


def backup(options: Namespace) -> int:
    """Write a backup of a running or a stopped copy (texting_hub/backup/)."""
    folder = DataFolder(options.data)
    environment = programs.environment_for_commands(folder)
    if "DATABASE_URL" not in environment and not (folder.path / "hub.sqlite3").exists():
        raise Trouble(_("There is no copy in %(folder)s: nothing to back up.") % {"folder": folder.path})
    recipients = [argument for name in options.recipient for argument in ("--recipient", name)]
    unchecked = [] if options.verify else ["--no-verify"]
    return _manage(["make_backup", *_files(options), *recipients, *unchecked, "--", str(options.file)], environment)


def verify_backup(options: Namespace) -> int:
    """Check a backup; there need not be any copy."""
    environment = _without_own_secrets(programs.environment_for_commands(DataFolder(options.data)))
    return _manage(["verify_backup", *_files(options), "--", str(options.file)], environment)


def restore(options: Namespace) -> int:
    """Bring a backup back into a folder that nobody serves. Held meanwhile as a running copy holds it."""
    if options.check:
        return verify_backup(options)
    os.umask(0o077)
    folder = DataFolder(options.data)
    folder.make()
    folder.hold()
    given = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    environment = {**given, "HUB_DATA": str(folder.path), "PYTHONPATH": str(ROOT)}
    switches = ["--held", *(["--replace"] if options.replace else [])]
    switches += [] if environment.get("FIELD_KEYS") else ["--keys-from-backup"]
    arguments = ["restore_backup", *_files(options), *switches, "--", str(options.file)]
    return _manage(arguments, _without_own_secrets(environment))


def _files(options: Namespace) -> list[str]:
    """What opens or locks the backup, as the management commands spell it."""
    named = {"--passphrase-file": options.passphrase_file, "--identity": getattr(options, "identity", None)}
    return [argument for name, path in named.items() if path for argument in (name, str(path))]


def _without_own_secrets(environment: dict[str, str]) -> dict[str, str]:
    """Settings would make secrets where there are none yet; these are thrown away with the process."""
    made = {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "FIELD_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    return {**environment, **{name: value for name, value in made.items() if not environment.get(name)}}


def _manage(arguments: list[str], environment: dict[str, str]) -> int:
    """manage.py to its end, at this terminal."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments], env=environment, check=False
    ).returncode
