"""Wall time against fleet size, as a small SVG with logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 76, 150, 40, 56
COLOURS = ("#0a7d4f", "#c2410c", "#64748b")
Curve = tuple[str, Sequence[tuple[float, float]]]


def _scale(values: Sequence[float]) -> tuple[int, int]:
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def draw(path: Path, title: str, curves: Sequence[Curve]) -> None:
    """Write the plot: certificates of the fleet to the right, seconds upwards."""
    points = [point for _, curve in curves for point in curve]
    x0, x1 = _scale([x for x, _ in points])
    y0, y1 = _scale([y for _, y in points])
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x0) / (x1 - x0) * width
        up = (math.log10(y) - y0) / (y1 - y0) * height
        return LEFT + across, TOP + height - up

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-weight="bold" fill="#111827">{title}</text>',
    ]
    for power in range(x0, x1 + 1):
        x, _ = at(10.0**power, 10.0**y0)
        parts.append(f'<path d="M{x:.1f} {TOP}V{TOP + height}" stroke="#e5e7eb"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{TOP + height + 20}" text-anchor="middle" fill="#374151">{10**power}</text>'
        )
    for power in range(y0, y1 + 1):
        _, y = at(10.0**x0, 10.0**power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + width}" stroke="#e5e7eb"/>')
        label = _duration(10.0**power)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#374151">{label}</text>')
    for (name, curve), colour in zip(curves, COLOURS, strict=False):
        places = [at(x, y) for x, y in sorted(curve)]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{name}</text>')
    middle = LEFT + width / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle" fill="#374151">certificates in the fleet</text>'
    )
    path.write_text("\n".join([*parts, "</svg>", ""]), "utf-8")
