"""The live counter (static/segments.js) counts as messaging/segments.py does. Run by node, which CI has."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from messaging.segments import BASIC, EXTENSION, measure

SCRIPT = Path(__file__).parents[2] / "texting_hub" / "static" / "segments.js"
RUNNER = """
const lines = require("fs").readFileSync(0, "utf8");
require("vm").runInThisContext(require("fs").readFileSync(process.argv[1], "utf8"));
console.log(JSON.stringify(JSON.parse(lines).map((body) => Segments.measure(body))));
"""
EDGES = [
    "",
    "a" * 160,
    "a" * 161,
    "a" * 152 + "€" + "a" * 152,
    "€" * 80,
    "€" * 81,
    "é" * 70 + "\n\r\f",
    "’" * 70,
    "’" * 71,
    "a" * 66 + "😀" + "a" * 66,
    "😀" * 35,
    "😀" * 36,
    "👩‍👩‍👧‍👦" * 10,
    "\u0000\u009d\u2028",
    "[" * 1530,
    "a" * 1531,
]


def bodies() -> list[str]:
    """Edges, every character of the alphabets alone, and random texts around the limits."""
    chance = random.Random(20261124)
    alphabets = ["".join(sorted(BASIC)), "".join(sorted(BASIC | EXTENSION)), "aé€’ñ中😀\U0001f468\u200d", "abc €"]
    lengths = [0, 1, 66, 67, 68, 69, 70, 71, 133, 134, 135, 152, 153, 154, 159, 160, 161, 305, 306, 307, 459, 1000]
    texts = [
        "".join(chance.choices(a, k=n + chance.randrange(3))) for a in alphabets for n in lengths for _ in range(12)
    ]
    return EDGES + sorted(BASIC | EXTENSION) + texts


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    return found


def test_the_counter_while_typing_agrees_with_the_one_that_decides(node: str) -> None:
    texts = bodies()
    command = [node, "-e", RUNNER, str(SCRIPT)]
    answer = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=60)
    for body, counted in zip(texts, json.loads(answer.stdout), strict=True):
        expected = measure(body)
        found = (counted["encoding"], counted["segments"], counted["used"], counted["left"])
        assert found == (expected.encoding, expected.segments, expected.units_used, expected.units_left), repr(body)


def test_the_counter_names_the_character_that_makes_a_text_unicode(node: str) -> None:
    command = [node, "-e", RUNNER, str(SCRIPT)]
    answer = subprocess.run(command, input=json.dumps(["it’s 😀", "plain"]), capture_output=True, text=True, check=True)
    typographic, plain = json.loads(answer.stdout)
    assert typographic["because"] == "’"
    assert "because" not in plain
