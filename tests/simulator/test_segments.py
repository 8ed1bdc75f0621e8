"""The simulator and the hub count segments independently, and alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import measure
from simulator.segments import count

SIGNS = st.sampled_from("aé €{}^~|\n\f@Ωç漢👋\x91\u0301")


@given(st.text(SIGNS, min_size=1, max_size=500))
def test_both_counters_agree(body: str) -> None:
    assert count(body) == measure(body).segments


@pytest.mark.parametrize(("body", "segments"), [("a" * 152 + "€" + "a" * 152, 3), ("a" * 160, 1), ("漢" * 71, 2)])
def test_a_pair_is_never_split(body: str, segments: int) -> None:
    assert count(body) == segments
