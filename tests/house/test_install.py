"""The environment: made once from hashed packages, left alone while the lock stands, repaired when it was cut off."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from texting_hub.up import install
from texting_hub.up.install import DEVELOPMENT, RUNTIME, Environment, Trouble, ensure

pytestmark = pytest.mark.once


def wheel(folder: Path, name: str) -> Path:
    """A package of one empty module, as small as the format allows."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        f"{name}.py": "",
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{name}-1.0.dist-info/WHEEL": about,
    }
    record = "".join(f"{file},sha256={_record_digest(text)},{len(text)}\n" for file, text in files.items())
    files[f"{name}-1.0.dist-info/RECORD"] = record + f"{name}-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def _record_digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def lock(root: Path, name: str, *packages: str, digest: str = "") -> None:
    """A lock that finds its packages in a folder, so that nothing here needs a network."""
    lines = ["--no-index", "--find-links packages"]
    for package in packages:
        file = root / "packages" / f"{package}-1.0-py3-none-any.whl"
        lines.append(f"{package}==1.0 --hash=sha256:{digest or hashlib.sha256(file.read_bytes()).hexdigest()}")
    (root / name).write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two locks; pip alone installs."""
    made = tmp_path / "my project"
    (made / "packages").mkdir(parents=True)
    for name in ("hubone", "hubtwo", "hubthree"):
        wheel(made / "packages", name)
    lock(made, RUNTIME, "hubone")
    lock(made, DEVELOPMENT, "hubone", "hubtwo")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return made


@pytest.fixture
def stamped(root: Path) -> Environment:
    """An environment that looks installed: a link to the running Python, and a stamp for the development lock."""
    environment = Environment(root)
    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    environment.write_stamp(DEVELOPMENT)
    return environment


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Installing anything fails the test."""

    def refuse(*_arguments: object) -> None:
        raise AssertionError("it installs")

    monkeypatch.setattr(install, "_install", refuse)
    return


@pytest.mark.usefixtures("no_work")
def test_a_stamp_that_matches_is_all_it_needs(stamped: Environment) -> None:
    ensure(stamped, RUNTIME)
    ensure(stamped, DEVELOPMENT)
    assert not (stamped.root / ".hub").exists()


@pytest.mark.parametrize("changed", [RUNTIME, DEVELOPMENT])
def test_a_changed_lock_is_noticed(stamped: Environment, changed: str) -> None:
    lock(stamped.root, changed, "hubtwo")
    assert not stamped.satisfies(changed)


def test_the_runtime_lock_does_not_satisfy_the_tests(stamped: Environment) -> None:
    stamped.write_stamp(RUNTIME)
    assert stamped.satisfies(RUNTIME)
    assert not stamped.satisfies(DEVELOPMENT)


def test_an_environment_of_another_python_is_not_enough(stamped: Environment) -> None:
    stamp = json.loads(stamped.stamp.read_text())
    stamped.stamp.write_text(json.dumps({**stamp, "python": "3.10"}))
    assert not stamped.satisfies(RUNTIME)


def test_an_environment_whose_python_went_away_is_not_enough(stamped: Environment) -> None:
    stamped.python.unlink()
    stamped.python.symlink_to("/gone/python")
    assert not stamped.satisfies(RUNTIME)
    assert not stamped.usable()


def test_one_that_was_cut_off_is_not_enough(stamped: Environment) -> None:
    stamped.unfinished.touch()
    assert not stamped.satisfies(RUNTIME)
    assert not stamped.usable()


def test_two_at_once_wait_for_each_other_and_install_once(
    stamped: Environment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamped.stamp.unlink()
    (stamped.root / ".hub").mkdir()
    held = os.open(stamped.root / ".hub" / "install.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    waits, installs = threading.Event(), []
    monkeypatch.setattr(install, "_say", lambda sentence: waits.set())
    monkeypatch.setattr(install, "_install", lambda *arguments: installs.append(arguments))
    second = threading.Thread(target=ensure, args=(stamped, RUNTIME))
    second.start()
    assert waits.wait(10)
    stamped.write_stamp(RUNTIME)
    os.close(held)
    second.join(10)
    assert installs == []


def test_without_venv_and_uv_it_says_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Trouble, match=r"no venv module.*apt install python3\.\d+-venv"):
        ensure(Environment(root), RUNTIME)


def test_progress_counts_the_packages_it_hears_of(capsys: pytest.CaptureFixture[str]) -> None:
    progress = install.Progress("Installing", 5)
    for line in (
        "Collecting django==5.2.19 (from -r x)",
        "  Using cached django.whl",
        "Processing /some where/argon2_cffi-25.1.0-py3-none-any.whl (from -r x)",
        "Ignoring tzdata: markers 'sys_platform == \"win32\"' don't match your environment",
        "Collecting argon2-cffi-bindings==26.2.0 (from -r x)",
    ):
        progress.read(line)
    assert progress.names == {"django", "argon2-cffi", "tzdata", "argon2-cffi-bindings"}
    assert progress._line(progress.began + 4) == "Installing 4/5 (4 s) argon2-cffi-bindings"


def test_where_packages_come_from_stays_the_machines_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    environment = install._clean_environment()
    assert environment["PIP_INDEX_URL"] == "https://packages.example/simple"
    assert "PIP_TARGET" not in environment


def has(environment: Environment, module: str) -> bool:
    asked = subprocess.run([environment.python, "-I", "-c", f"import {module}"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.mark.slow
def test_the_life_of_an_environment(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One story, because each environment takes seconds to make."""
    environment = Environment(root)
    ensure(environment, RUNTIME)
    assert has(environment, "hubone")
    assert not has(environment, "hubtwo")
    assert "Installed 1 packages" in capsys.readouterr().err

    ensure(environment, DEVELOPMENT)
    assert has(environment, "hubtwo")
    assert environment.satisfies(RUNTIME)

    moved = root.rename(root.with_name("moved project"))
    environment = Environment(moved)
    assert environment.satisfies(DEVELOPMENT)
    assert has(environment, "hubtwo")

    lock(moved, RUNTIME, "hubthree", digest="0" * 64)
    with pytest.raises(Trouble, match=r"(?s)could not be installed.*hash.*install\.log"):
        ensure(environment, RUNTIME)
    assert not environment.satisfies(RUNTIME)

    lock(moved, RUNTIME, "hubone")
    environment.unfinished.touch()
    ensure(environment, RUNTIME)
    assert has(environment, "hubone")
    assert environment.satisfies(RUNTIME)
    assert (moved / ".hub" / "install.log").stat().st_mode & 0o777 == 0o600
