"""The virtual handset without JavaScript: forms and links do everything."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.simulator.process import BUSINESS, PHONE, Listener, Simulator, until

pytestmark = [pytest.mark.slow, pytest.mark.once]


class Browser:
    """Reads pages and posts their forms, with the cookie and the token."""

    def __init__(self, simulator: Simulator) -> None:
        self.http = httpx.Client(base_url=simulator.url, timeout=10, trust_env=False, follow_redirects=True)

    def page(self, **chosen: str) -> str:
        return self.http.get("/", params=chosen).text

    def post(self, path: str, **fields: str) -> httpx.Response:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page())
        assert token is not None
        return self.http.post(path, data={"csrfmiddlewaretoken": token.group(1), **fields})


@pytest.fixture
def browser(simulator: Simulator) -> Browser:
    return Browser(simulator)


def test_the_demonstrations_phones_are_listed(browser: Browser) -> None:
    page = browser.page()
    for name in ("Dr. Bianchi", "Theo Nakamura", "Opted-out phone", "+1 415 555 0188"):
        assert name in page


def test_what_arrived_is_on_the_screen_escaped(browser: Browser, simulator: Simulator) -> None:
    simulator.send("one", "<b>Hello</b> & welcome")
    page = browser.page(phone=PHONE)
    assert "&lt;b&gt;Hello&lt;/b&gt; &amp; welcome" in page
    assert "Northwind Dental Supply" in page


def test_what_was_not_delivered_is_not_on_the_screen(browser: Browser, simulator: Simulator) -> None:
    simulator.send("one", "comes through")
    simulator.control("mode", {"behaviour": "undelivered"})
    simulator.send("two", "never arrives")
    page = browser.page(phone=PHONE)
    assert "comes through" in page
    assert "never arrives" not in page


def test_a_phone_has_a_thread_for_each_business_number(browser: Browser, simulator: Simulator) -> None:
    simulator.send("one", "from the first")
    simulator.send("two", "from the second", **{"from": "+14155550102"})
    latest, earlier = browser.page(phone=PHONE), browser.page(phone=PHONE, business=BUSINESS)
    assert "from the second" in latest
    assert "from the first" not in latest
    assert "from the first" in earlier


def test_a_reply_goes_to_the_hub(browser: Browser, simulator: Simulator, hub: Listener) -> None:
    answer = browser.post("/write/", phone=PHONE, business=BUSINESS, reply="On my way", key="")
    assert answer.status_code == 200
    assert "On my way" in answer.text
    until(lambda: hub.events("received"))
    assert (hub.events()[0]["from"], hub.events()[0]["to"], hub.events()[0]["body"]) == (PHONE, BUSINESS, "On my way")


@pytest.mark.parametrize("key", ["STOP", "START", "HELP"])
def test_a_key_writes_its_word_whatever_is_in_the_reply_box(browser: Browser, hub: Listener, key: str) -> None:
    browser.post("/write/", phone=PHONE, business=BUSINESS, reply="half a sentence", key=key)
    until(lambda: hub.events("received"))
    assert hub.events()[0]["body"] == key


def test_a_picture_is_an_event_with_media(browser: Browser, hub: Listener) -> None:
    browser.post("/write/", phone=PHONE, business=BUSINESS, reply="", key="picture")
    until(lambda: hub.events("received"))
    assert len(hub.events()[0]["media"]) == 1


def test_a_phone_without_a_thread_asks_for_the_number_to_text(browser: Browser, hub: Listener) -> None:
    assert "To business number" in browser.page(phone="+14155550188")
    answer = browser.post("/write/", phone="+14155550188", business="(415) 555-0101", reply="Hi", key="")
    assert answer.status_code == 200
    until(lambda: hub.events("received"))
    assert hub.events()[0]["to"] == BUSINESS


@pytest.mark.parametrize(
    ("path", "fields", "sentence"),
    [
        ("/write/", {"phone": PHONE, "business": "nobody", "reply": "Hi"}, "This is not a phone number."),
        ("/write/", {"phone": PHONE, "business": BUSINESS, "reply": ""}, "Write something first."),
        ("/phones/", {"number": "12"}, "This is not a phone number."),
        ("/choose/", {"behaviour": "nonsense"}, "Choose one of these."),
        ("/choose/", {"behaviour": "exits"}, "Choose one of these."),
        ("/choose/", {"behaviour": "dies", "next": "many"}, "Write a number from 1 to 999"),
    ],
)
def test_a_form_that_is_not_understood_says_why_and_keeps_what_was_typed(
    browser: Browser, path: str, fields: dict[str, str], sentence: str
) -> None:
    answer = browser.post(path, **fields)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_a_phone_is_added_and_chosen_once(browser: Browser) -> None:
    for _time in range(2):
        answer = browser.post("/phones/", number="415 555 0133", name="Workshop")
        assert answer.url.params["phone"] == "+14155550133"
    assert answer.text.count('data-phone="+14155550133"') == 1
    assert "Workshop" in answer.text


def test_the_outcome_of_the_next_texts_is_chosen(browser: Browser, simulator: Simulator) -> None:
    answer = browser.post("/choose/", behaviour="not_taken", phone=PHONE, reach="phone", code="4720", next="1")
    assert re.search(r'value="not_taken" checked', answer.text)
    assert "Carrier set to Carrier error" in answer.text
    assert [simulator.send("a").status_code, simulator.send("a").status_code] == [503, 202]


def test_unread_texts_are_counted_on_the_other_phones(browser: Browser, simulator: Simulator) -> None:
    simulator.send("one", to="+14155550147")
    assert "New texts:" in browser.page(phone=PHONE)
    browser.page(phone="+14155550147")
    assert "New texts:" not in browser.page(phone=PHONE)


def test_a_number_nobody_added_is_listed_when_the_hub_texts_it(browser: Browser, simulator: Simulator) -> None:
    simulator.send("one", to="+12065550199")
    assert "Texted by the hub" in browser.page()


def test_looking_again_costs_nothing_while_nothing_changes(browser: Browser, simulator: Simulator) -> None:
    first = browser.http.get("/live/", params={"phone": PHONE})
    unchanged = browser.http.get("/live/", params={"phone": PHONE}, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, unchanged.status_code) == (200, 304)
    simulator.send("news", "Something new")
    changed = browser.http.get("/live/", params={"phone": PHONE}, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert "Something new" in changed.text


@pytest.mark.parametrize("path", ["/write/", "/choose/", "/phones/"])
def test_a_form_without_its_token_is_refused(simulator: Simulator, path: str) -> None:
    assert simulator.http.post(path, data={}).status_code == 403


def test_no_other_site_can_read_frame_or_script_the_page(simulator: Simulator) -> None:
    answer = simulator.http.get("/", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", answer.text)


def test_an_unknown_host_name_is_refused(simulator: Simulator) -> None:
    assert simulator.http.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


@pytest.mark.parametrize("path", ["hub.css", "chevron.svg", "simulator/handset.js"])
def test_files_are_served(simulator: Simulator, path: str) -> None:
    assert simulator.http.get(f"/static/{path}").status_code == 200
    assert simulator.http.get("/static/../settings.py").status_code == 404
