"""One nursery for all scenarios of a test process; a house for each. Long ones run only when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.broker import Broker
from tests.faults.house import House, Nursery
from tests.faults.results import fail_if_skipped


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow_faults" in config.getoption("-m"):
        return
    long = [item for item in items if item.get_closest_marker("slow_faults")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    fail_if_skipped(report)
    return report


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("nursery"))
    yield made
    made.close()


@pytest.fixture
def house(shared_database: Path | None, nursery: Nursery, tmp_path: Path, settings: Any) -> Iterator[House]:
    settings.REDIS_URL = ""
    made = House(nursery, tmp_path)
    yield made
    made.close()


@pytest.fixture
def broker(house: House) -> Iterator[Broker]:
    """Running; its address is the house's."""
    made = Broker()
    made.start()
    house.redis_url = made.url
    yield made
    made.close()
