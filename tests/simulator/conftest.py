"""One simulator for all tests of this folder, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.process import Listener, Simulator


@pytest.fixture
def hub() -> Iterator[Listener]:
    """The other end of the webhooks."""
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("a simulator"), "http://127.0.0.1:9/")
    yield simulator
    assert simulator.stop() == 0


@pytest.fixture
def simulator(running: Simulator, hub: Listener) -> Simulator:
    running.control("reset", {})
    running.control("webhook", {"url": hub.url})
    return running
