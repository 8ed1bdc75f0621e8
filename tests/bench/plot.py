"""Draws the kept figures: `python -m tests.bench.plot FOLDER` reads its *.json and writes results.svg beside this file.

A row is one measurement: a bar to the median, a line from the smallest to the largest of the rounds, and the gate.
"""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

LEFT, WIDTH, ROW, TITLE, RIGHT = 250, 420, 26, 34, 150
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 } .title { font-weight: 600 } .bar { fill: #2f6fb3 }
.range { stroke: #1f2933; stroke-width: 2 } .gate { stroke: #b3402f; stroke-width: 2; stroke-dasharray: 4 3 }
.told { fill: #b3402f } @media (prefers-color-scheme: dark) { text { fill: #e4e7eb } .bar { fill: #6aa5e8 }
.range { stroke: #e4e7eb } .gate { stroke: #f08a78 } .told { fill: #f08a78 } }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows on one scale; the gate is a line that the medians should be beyond, or stay below."""

    title: str
    rows: dict[str, list[float]]
    gate: float | None = None
    gate_told: str = ""


def panels(found: dict[str, Any]) -> list[Panel]:
    """Of what was measured; what was not is left out."""
    drawn = []
    if relay := found.get("relay"):
        drawn.append(Panel("Draining, texts a second", relay["rates"]))
        drawn.append(Panel("Draining, ours / naive", {"ours / naive": relay["ratios"]}, 10, "at least 10"))
    slow = {f"{one['delay_ms']:g} ms, {one['connections']} connections": one["shares"] for one in _slow(found)}
    if slow:
        drawn.append(Panel("Share of connections / delay", slow, 0.8, "at least 0.8"))
    if accept := found.get("accept"):
        drawn.append(Panel("Accepting, texts a second", accept["rates"]))
        against = {f"ours / {kind}": shares for kind, shares in accept["shares"].items()}
        drawn.append(Panel("Accepting, share of bare statements", against, 0.35, "at least 0.35"))
    if flat := found.get("flat"):
        ratios = {name: one["ratios"] for name, one in flat.items()}
        drawn.append(Panel("Cost of a text, large / small", ratios, 1.3, "at most 1.3"))
    if idle := found.get("idle"):
        drawn.append(Panel("Idle: API request to carrier, ms", {"one at a time": idle["waits"]}, 50, "below 50"))
    return drawn


def _slow(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [found[name] for name in sorted(found) if name.startswith("delay")]


def svg(drawn: list[Panel]) -> str:
    parts, top = [], 8
    for panel in drawn:
        parts += _panel(panel, top)
        top += TITLE + ROW * len(panel.rows) + 10
    width = LEFT + WIDTH + RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img">'
        f"<title>Results of the benchmarks</title><style>{STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _panel(panel: Panel, top: int) -> list[str]:
    most = max([panel.gate or 0, *(max(values) for values in panel.rows.values())]) * 1.02
    scale = WIDTH / most
    parts = [f'<text class="title" x="8" y="{top + 20}">{escape(panel.title)}</text>']
    for place, (name, values) in enumerate(panel.rows.items()):
        y = top + TITLE + place * ROW
        low, middle, high = min(values) * scale, statistics.median(values) * scale, max(values) * scale
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar" x="{LEFT}" y="{y}" width="{middle:.1f}" height="{ROW - 8}"/>'
            f'<path class="range" d="M{LEFT + low:.1f} {y + 9}H{LEFT + high:.1f}"/>'
            f'<text x="{LEFT + high + 8:.1f}" y="{y + 13}">{_told(statistics.median(values))}</text>'
        )
    if panel.gate is not None:
        x, bottom = LEFT + panel.gate * scale, top + TITLE + ROW * len(panel.rows)
        parts.append(
            f'<path class="gate" d="M{x:.1f} {top + TITLE - 6}V{bottom - 4}"/>'
            f'<text class="told" x="{x:.1f}" y="{top + 20}" text-anchor="middle">{escape(panel.gate_told)}</text>'
        )
    return parts


def _told(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def main(folder: Path) -> int:
    found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    Path(__file__).with_name("results.svg").write_text(svg(panels(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
