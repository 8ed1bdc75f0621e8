"""A real running copy (`./hub up` on free ports, data folder with a space in its name) and a real Chromium.

Screenshots of every page land in HUB_SCREENSHOTS (default: screenshots/ beside the project) to be compared by eye.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(os.environ.get("HUB_SCREENSHOTS", ROOT / "screenshots"))
START_SECONDS = 120

expect.set_options(timeout=15_000)


@dataclass(frozen=True, slots=True)
class Hub:
    """The running copy: its address, its handset's address, its data folder."""

    url: str
    handset: str
    data: Path

    def manage(self, *arguments: str) -> str:
        """Run `./hub manage ...` on this copy; what it printed."""
        command = [str(ROOT / "hub"), "--data", str(self.data), "manage", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _free_pair() -> int:
    """A port that is free together with the next one (the handset's)."""
    for _attempt in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports in a row")


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("a running copy")
    data, printed = folder / "data of it", folder / "printed.txt"
    port = _free_pair()
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL", "HUB_DATA"}}
    command = [str(ROOT / "hub"), "--data", str(data), "up", "--port", str(port)]
    output = printed.open("w+")
    process = subprocess.Popen(
        command,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield _when_ready(process, data, printed, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            output.close()
    assert process.returncode in (0, -signal.SIGTERM, 128 + signal.SIGTERM), printed.read_text()


def _when_ready(process: subprocess.Popen[bytes], data: Path, output: Path, port: int) -> Hub:
    url, handset = f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port + 1}/"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        printed = output.read_text()
        if url in printed and handset in printed:
            return Hub(url, handset, data)
        assert process.poll() is None, printed
        time.sleep(0.2)
    raise AssertionError(f"./hub up was not ready after {START_SECONDS} s:\n{output.read_text()}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium: install Debian's package chromium"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium: Browser, hub: Hub) -> Iterator[Callable[..., Page]]:
    """`open_browser()` is a fresh browser profile at the front door; what its pages log as errors fails the test."""
    contexts = []
    errors: list[str] = []

    def open_one(**options: object) -> Page:
        context = chromium.new_context(base_url=hub.url, **{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda entry: errors.append(entry.text) if "Content Security Policy" in entry.text else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def sign_in(open_browser: Callable[..., Page]) -> Callable[..., Page]:
    """`sign_in("Maya Okafor")` is a browser in which that demonstration account is signed in, by its button."""

    def sign_in_as(name: str, **options: object) -> Page:
        page = open_browser(**options)
        page.goto("/sign-in/")
        page.get_by_role("button", name=f"Sign in as {name}").click()
        expect(page).not_to_have_url("**/sign-in/")
        return page

    return sign_in_as


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing on the page as it is."""
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def shoot(page: Page, name: str) -> None:
    """Screenshots at 1440 and 390 px, light and dark, each checked by axe; then back to 1440 px, light."""
    SCREENSHOTS.mkdir(exist_ok=True, parents=True)
    for width, height in ((1440, 900), (390, 844)):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            assert_accessible(page)
            assert _fits(page), f"{name} is wider than {width} px"
            page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
