"""One process before the others: migrations, static files when they changed, the demonstration when it is missing.

Lines that begin with `say:` are shown to the person who waits; `trouble:` says why it failed. All else is log.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from texting_hub.backup import marker
from texting_hub.up import demonstration
from texting_hub.up.folder import DataFolder
from texting_hub.up.words import ROOT, _

SAY, TROUBLE = "say:", "trouble:"


def tell(mark: str, sentence: str) -> None:
    print(f"{mark} {' '.join(sentence.split())}", flush=True)


def migrate() -> bool:
    """Whether anything had to be applied."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return False
    tell(SAY, _("Bringing the database up to date (%(count)d steps)") % {"count": len(plan)})
    call_command("migrate", interactive=False, verbosity=1)
    return True


def static_digest() -> str:
    """Over what decides the collected files: installed packages, settings, and every static file of ours."""
    sources = [ROOT / "requirements.lock", ROOT / "texting_hub" / "settings.py"]
    for app in apps.get_app_configs():
        if Path(app.path).parent == ROOT:
            sources += sorted(path for path in (Path(app.path) / "static").rglob("*") if path.is_file())
    return digest_of(sources)


def demonstration_sources() -> list[Path]:
    """What decides what the demonstration is."""
    command = ROOT / "texting_hub" / "management" / "commands" / "seed_demo.py"
    return [
        command,
        ROOT / "provisioning" / "demonstration.py",
        *sorted((ROOT / "texting_hub" / "demonstration").glob("*.py")),
    ]


def digest_of(paths: list[Path]) -> str:
    """Over names and contents."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def collect_static() -> None:
    root = Path(settings.STATIC_ROOT)
    stamp = root.with_name("static.stamp")
    digest = static_digest()
    if stamp.exists() and stamp.read_text() == digest and (root / "staticfiles.json").exists():
        return
    tell(SAY, _("Collecting static files"))
    call_command("collectstatic", interactive=False, verbosity=0, clear=root.exists())
    stamp.write_text(digest)


def seed(migrated: bool) -> None:
    """The demonstration organization, once per database, address of the simulator, and version of itself."""
    folder = DataFolder(settings.DATA_DIR)
    database = settings.DATABASES["default"]
    where = [database["ENGINE"], str(database.get("HOST", "")), str(database["NAME"]), settings.SIMULATOR_URL]
    wanted = " ".join([*where, digest_of(demonstration_sources())])
    if not migrated and demonstration.kept(folder).get("seeded_for") == wanted:
        return
    tell(SAY, _("Making the demonstration organization"))
    answer = io.StringIO()
    call_command("seed_demo", simulator_url=settings.SIMULATOR_URL, stdout=answer)
    demonstration.remember_seeding(folder, wanted, _last_json(answer.getvalue()))


def _last_json(output: str) -> dict[str, Any]:
    """seed_demo answers with one JSON object on a line of its own."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    answer: dict[str, Any] = json.loads(lines[-1])
    return {name: answer[name] for name in ("sign_ins", "carrier_account_id")}


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "texting_hub.settings")
    django.setup()
    try:
        if marker.is_half_restored():
            tell(TROUBLE, _("A restore has begun here and has not ended. Run the same ./hub restore again."))
            return 1
        migrated = migrate()
        from provisioning import clock, heartbeats  # noqa: PLC0415  (their models need the setup above)

        heartbeats.beat(heartbeats.START, clock.database_now())
    except OperationalError as error:
        tell(TROUBLE, _("The database does not answer: %(why)s") % {"why": error})
        return 1
    collect_static()
    if settings.DEMONSTRATION:
        seed(migrated)
    return 0


if __name__ == "__main__":
    sys.exit(main())
