"""Rules of the house that no single module can keep by itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db.models import Model
from django.urls import reverse

from provisioning.roles import Permission
from tests.addresses import Address, operations, pages
from texting_hub import navigation
from texting_hub.celery import BEAT, QUEUES, app

SOURCES = ("provisioning", "messaging", "compliance", "texting_hub")
METHODS = ("get", "post", "put", "patch", "delete")


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of ours, parsed; migrations tell of models, not of behaviour."""
    for package in SOURCES:
        for path in sorted((settings.BASE_DIR / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(settings.BASE_DIR), ast.parse(path.read_text())


@pytest.mark.parametrize("address", pages(), ids=str)
def test_every_page_declares_who_may_open_it(address: Address) -> None:
    assert address.access is None or (
        isinstance(address.access, tuple) and all(isinstance(needed, Permission) for needed in address.access)
    ), f"{address} declares nothing: use @requires, @signed_in or @public of provisioning.roles"


@pytest.mark.parametrize("address", operations(), ids=str)
def test_every_api_operation_declares_permissions_and_a_scope(address: Address) -> None:
    view = address.api_view
    actions = getattr(address.view, "actions", None) or {}
    offered = {name for name in METHODS if name in actions or (not actions and hasattr(view, name))}
    assert offered
    for name in offered:
        assert name.upper() in view.access, f"{view.__name__}.{name} declares no permissions"
        assert name.upper() in view.scopes, f"{view.__name__}.{name} declares no scope"


def test_only_webhooks_are_exempt_from_the_csrf_check() -> None:
    exempt = {str(address) for address in pages() if getattr(address.view, "csrf_exempt", False)}
    assert exempt == {"webhook", "registry_webhook"}


def test_every_public_page_says_why() -> None:
    for address in pages():
        if address.access is None:
            assert (address.view.__doc__ or "").strip(), f"{address} is public without a word on why"


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_only_the_two_modules_of_states_write_a_status() -> None:
    """A message's, and a registration's (which has the form bring its instance back to where it was)."""
    writers = {str(path) for path, tree in modules() if any(_writes_status(node) for node in ast.walk(tree))}
    kept = {"provisioning/admin/registration.py"}
    assert writers - kept == {"messaging/states.py", "provisioning/registration/states.py"}


def _writes_status(node: ast.AST) -> bool:
    """`x.status = …`, `.update(status=…)`, `.bulk_update(…, [… "status" …])`, `save(update_fields=[… "status" …])`."""
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Attribute) and target.attr == "status" for target in node.targets)
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        return isinstance(node.target, ast.Attribute) and node.target.attr == "status"
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr == "update" and any(keyword.arg == "status" for keyword in node.keywords):
        return True
    if node.func.attr in ("save", "bulk_update"):
        return any(isinstance(inner, ast.Constant) and inner.value == "status" for inner in ast.walk(node))
    return False


def test_the_search_for_status_writers_finds_each_way_of_writing() -> None:
    for line in (
        "message.status = Status.SENT",
        "Message.objects.filter(pk=1).update(status='sent')",
        "Message.objects.bulk_update(rows, ['status'])",
        "message.save(update_fields=['status'])",
    ):
        assert any(_writes_status(node) for node in ast.walk(ast.parse(line))), line


LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind", "bind_contextvars"}
SECRETS = {"body", "bodies", "search_text", "password", "raw", "sealed_credentials"}


def test_no_log_call_is_handed_a_body_or_a_secret() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _logs_a_secret(node)
    ]
    assert found == []


def _logs_a_secret(call: ast.Call) -> bool:
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in LOG_METHODS):
        return False
    if "log" not in ast.unparse(call.func.value).lower():
        return False
    named = {keyword.arg for keyword in call.keywords}
    for inner in ast.walk(call):
        if isinstance(inner, ast.Attribute):
            named.add(inner.attr)
        elif isinstance(inner, ast.Name):
            named.add(inner.id)
    return bool(named & SECRETS)


def test_the_search_for_logged_bodies_finds_them() -> None:
    for line in ("logger.info('sent', body=message.body)", "logger.warning(f'{message.body}')", "log.error(body)"):
        assert any(isinstance(node, ast.Call) and _logs_a_secret(node) for node in ast.walk(ast.parse(line))), line


def test_every_task_goes_to_a_queue_that_a_worker_consumes() -> None:
    app.loader.import_default_modules()
    ours = [name for name in app.tasks if not name.startswith("celery.")]
    assert ours
    for name in ours:
        queue = app.amqp.router.route({}, name)["queue"].name
        assert queue in QUEUES, f"{name} goes to {queue}, which nobody consumes"


def test_everything_on_the_schedule_is_a_task() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in BEAT.values()} <= set(app.tasks)


def test_every_table_says_whose_it_is() -> None:
    """The provider's own tables, and what hangs on another row, are named here; all others name an organization."""
    of_the_provider = {
        "organization", "carrieraccount", "carrierbatch", "relayminute", "registryaccount", "heartbeat",
    }  # fmt: skip
    of_another_row = {"exchange", "campaignpace", "brandday", "sametext"}
    tables = [model for name in SOURCES for model in apps.get_app_config(name).get_models()]
    silent = {model._meta.model_name for model in tables if "organization" not in _fields(model)}
    assert silent == of_the_provider | of_another_row


def _fields(model: type[Model]) -> set[str]:
    return {field.name for field in model._meta.get_fields()}


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_navigation_shows_only_pages_that_exist() -> None:
    for _section, _label, name, _icon, _permission in navigation._pages():
        assert reverse(name)
