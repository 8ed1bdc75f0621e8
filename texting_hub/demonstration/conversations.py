"""What Rosalind Abernathy and a colleague texted before the demonstration begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from messaging.models.messages import Kind, Status
from messaging.reasons import Reason

BIANCHI: Final = "+14155550122"
NAKAMURA: Final = "+14155550147"
OPTED_OUT: Final = "+14155550188"


@dataclass(frozen=True, slots=True)
class Line:
    """One text, so long ago. Inbound texts are `received`."""

    ago: timedelta
    body: str
    status: str = Status.DELIVERED
    reason: str = ""
    kind: str = Kind.PERSON


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation; the last `unread` of its inbound texts are unread."""

    email: str
    counterpart: str
    lines: tuple[Line, ...]
    unread: int = 0


def days(number: int, hours: int = 0, minutes: int = 0) -> timedelta:
    return timedelta(days=number, hours=hours, minutes=minutes)


def received(ago: timedelta, body: str) -> Line:
    return Line(ago, body, Status.RECEIVED)


ROSALIND: Final = "rosalind.abernathy@northwind.example"
TUNDE: Final = "tunde.adeyemi@northwind.example"

THREADS: Final = (
    Thread(
        ROSALIND,
        BIANCHI,
        (
            Line(
                days(4, 2),
                "Hi Dr. Bianchi, your order NW-20418 ships Monday. The large nitrile gloves are back in stock too, "
                "shall I add two boxes?",
            ),
            received(days(4, 1, 47), "Yes please. And can we get it before 9?"),
            Line(days(4, 1, 44), "I moved you to the 8:00 run.", Status.UNDELIVERED, Reason.UNREACHABLE),
            Line(
                days(0, 3, 40),
                "Good morning. You are on the 8:00 run tomorrow, with Luis driving.",
                Status.UNCONFIRMED,
            ),
            received(days(0, 2, 3), "Got it, 8:00 with Luis. We will have someone at the back door."),
            received(days(0, 2), "Perfect, see you at the loading dock."),
            Line(days(0, 1, 59), "Great, thank you!"),
            Line(days(0, 1, 58), "He will text when he is ten minutes away.", Status.SENT),
        ),
    ),
    Thread(
        ROSALIND,
        NAKAMURA,
        (
            Line(days(6, 5), "Hello Theo, the composite you asked about is back: A2, A3 and B1. Shall I hold some?"),
            received(days(6, 4, 30), "Great, two of A2 please."),
            Line(days(6, 4, 28), "Done. They leave with Thursday’s order 👍"),
            received(days(0, 2, 32), "Morning! About Thursday’s order"),
            received(days(0, 2, 30), "Can you swap the A2 composite for A3?"),
        ),
        unread=2,
    ),
    Thread(
        ROSALIND,
        "+16045550143",
        (received(days(0, 2, 50), "Bonjour, avez-vous reçu ma commande?"),),
        unread=1,
    ),
    Thread(
        ROSALIND,
        "+16125550164",
        (
            received(days(12, 3), "Do you have the small impression trays? We are at the Lakeshore office."),
            Line(days(12, 2, 40), "Yes, 40 in stock. I put six aside for you."),
            Line(
                days(0, 5, 10),
                "Your refill shipped today. Tracking: 1Z 999 AA1 01 2345 6784",
                Status.UNDELIVERED,
                Reason.NOT_TEXTABLE,
            ),
        ),
    ),
    Thread(
        ROSALIND,
        OPTED_OUT,
        (
            Line(
                days(1, 4, 30),
                "Hello, this is Rosalind at Northwind Dental Supply. Your sample kit is ready for pickup. "
                "Reply STOP to opt out.",
            ),
            received(days(1, 4, 8), "STOP"),
            Line(
                days(1, 4, 8),
                "You are opted out of texts from Northwind Dental Supply. Reply START to opt back in.",
                kind=Kind.AUTOMATIC,
            ),
        ),
    ),
    Thread(
        ROSALIND,
        "+14155550166",
        (
            Line(days(2, 3), "Hi Elena, the autoclave gasket arrived. You can pick it up until 5 today."),
            received(days(2, 1, 15), "On my way. Thanks so much!"),
        ),
    ),
    Thread(
        ROSALIND,
        "+14155550168",
        (
            received(days(40, 2), "Do you deliver on weekends?"),
            Line(days(40, 1, 55), "Yes, we deliver on Saturdays."),
        ),
    ),
    Thread(
        TUNDE,
        "+14155550172",
        (
            # Past retention: the first nightly purge deletes these two and leaves its certificate.
            Line(days(401, 6), "Hello, this is Tunde at Northwind. Your spring order is confirmed."),
            received(days(401, 5), "Thank you, see you in March."),
            Line(days(30, 4), "The new catalogue is out. Shall I send one over?"),
            received(days(30, 2), "Yes please, two copies."),
        ),
    ),
)
