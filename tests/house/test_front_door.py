"""The `hub` script: finds its folder and a Python, says in a sentence what is wrong, and gets out of the way."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HUB = Path(__file__).resolve().parents[2] / "hub"
TELL = '#!/bin/sh\nprintf "%s|" "$0" "$@"; printf "\\nHUB_DATA=%s PYTHONPATH=%s\\n" "${HUB_DATA:-}" "${PYTHONPATH:-}"\n'
"""A Python that tells how it was called."""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def python(path: Path, *, recent: bool = True, whole: bool = True) -> Path:
    """A Python for the script to find: answers its two questions, and tells how it was called otherwise."""
    answers = f'case "$*" in *ensurepip*) exit {int(not whole)};; *version_info*) exit {int(not recent)};; esac\n'
    return script(path, TELL.replace("#!/bin/sh\n", "#!/bin/sh\n" + answers))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a space and an accent in its path, and nothing in it but the script."""
    root = tmp_path / "my projects" / "Texting Hüb"
    root.mkdir(parents=True)
    shutil.copy(HUB, root / "hub")
    return root


@pytest.fixture
def installed(checkout: Path) -> Path:
    python(checkout / ".venv" / "bin" / "python")
    return checkout


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the system's small tools and no Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("dirname", "readlink", "cat", "sh"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def run(command: Path | str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **dict(options.pop("env", {}))}  # type: ignore[call-overload]
    return subprocess.run(
        [str(command), *arguments], capture_output=True, text=True, check=False, timeout=30, env=environment, **options
    )  # type: ignore[call-overload]


def test_it_passes_the_command_to_the_installer_of_its_own_folder(installed: Path) -> None:
    answer = run(installed / "hub", "up", "--port", "8100", "--data", "a b")
    install = installed / "texting_hub" / "up" / "install.py"
    assert f"|-I|{install}|requirements.lock|up|--port|8100|--data|a b|" in answer.stdout


def test_it_works_through_a_link_from_another_folder(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "texting").symlink_to("../my projects/Texting Hüb/hub")
    answer = run(tmp_path / "bin" / "texting", "up", cwd="/")
    assert str(installed / "texting_hub" / "up" / "install.py") in answer.stdout


def test_it_works_when_the_shell_finds_it_on_the_path(installed: Path) -> None:
    answer = run("sh", "-c", "hub up", env={"PATH": f"{installed}:{os.environ['PATH']}"}, cwd="/")
    assert str(installed / "texting_hub" / "up" / "install.py") in answer.stdout


def test_tests_get_the_development_lock(installed: Path) -> None:
    assert "|requirements-dev.lock|test|-k|relay|" in run(installed / "hub", "test", "-k", "relay").stdout


@pytest.mark.parametrize("command", ["backup", "restore", "verify-backup"])
def test_backups_are_made_and_restored_with_what_production_has(installed: Path, command: str) -> None:
    answer = run(installed / "hub", command, "my file", "--data", "a b")
    assert f"|requirements.lock|{command}|my file|--data|a b|" in answer.stdout


@pytest.mark.parametrize("command", ["down", "status"])
def test_stopping_and_asking_install_nothing(installed: Path, command: str) -> None:
    answer = run(installed / "hub", command)
    assert f"|-P|-m|texting_hub.up|{command}|" in answer.stdout
    assert f"PYTHONPATH={installed}" in answer.stdout


def test_a_data_folder_before_the_command_is_made_absolute(installed: Path, tmp_path: Path) -> None:
    answer = run(installed / "hub", "--data", "some where", "manage", "check", cwd=tmp_path)
    assert f"HUB_DATA={tmp_path}/some where " in answer.stdout
    assert "|requirements.lock|manage|check|" in answer.stdout


def test_an_unknown_command_is_a_sentence_and_exit_code_2(installed: Path) -> None:
    answer = run(installed / "hub", "start")
    assert answer.returncode == 2
    assert "there is no command 'start'. The commands are up, down, status, test, manage, backup, " in answer.stderr


def test_no_command_shows_the_usage_as_an_error(installed: Path) -> None:
    answer = run(installed / "hub")
    assert answer.returncode == 2
    assert "./hub up [--port N]" in answer.stderr


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_needs_no_python(checkout: Path, tools: Path, word: str) -> None:
    answer = run(checkout / "hub", word, env={"PATH": str(tools)})
    assert answer.returncode == 0
    assert "./hub up [--port N]" in answer.stdout


def test_without_any_python_it_says_what_to_install(checkout: Path, tools: Path) -> None:
    answer = run(checkout / "hub", "up", env={"PATH": str(tools)})
    assert answer.returncode == 1
    assert "needs Python 3.11 or newer" in answer.stderr


def test_an_old_python_does_not_count(checkout: Path, tools: Path) -> None:
    python(tools / "python3", recent=False)
    answer = run(checkout / "hub", "up", env={"PATH": str(tools)})
    assert "needs Python 3.11 or newer" in answer.stderr


def test_the_newest_python_on_the_path_is_taken(checkout: Path, tools: Path) -> None:
    for name in ("python3.11", "python3.13", "python3"):
        python(tools / name)
    assert run(checkout / "hub", "up", env={"PATH": str(tools)}).stdout.startswith(f"{tools}/python3.13|")


def test_a_python_that_can_make_an_environment_is_preferred(checkout: Path, tools: Path) -> None:
    python(tools / "python3.13", whole=False)
    python(tools / "python3.11")
    assert run(checkout / "hub", "up", env={"PATH": str(tools)}).stdout.startswith(f"{tools}/python3.11|")


def test_an_environment_whose_python_is_broken_is_not_used(checkout: Path, tools: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(checkout / "gone")
    python(tools / "python3.12")
    assert run(checkout / "hub", "up", env={"PATH": str(tools)}).stdout.startswith(f"{tools}/python3.12|")


@pytest.mark.parametrize(("command", "code"), [("status", 3), ("down", 0)])
def test_before_the_install_nothing_can_be_running(checkout: Path, tools: Path, command: str, code: int) -> None:
    answer = run(checkout / "hub", command, env={"PATH": str(tools)})
    assert (answer.returncode, "Nothing is running" in answer.stdout) == (code, True)


def test_a_path_with_a_colon_is_refused_in_a_sentence(tmp_path: Path) -> None:
    python(tmp_path / "a:b" / ".venv" / "bin" / "python")
    shutil.copy(HUB, tmp_path / "a:b" / "hub")
    answer = run(tmp_path / "a:b" / "hub", "up")
    assert answer.returncode == 1
    assert "colon" in answer.stderr
