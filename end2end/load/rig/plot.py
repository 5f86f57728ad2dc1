"""Line charts as SVG: a grid of small panels, readable on light and dark pages."""

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 270, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 40, 40
# Between two labels of the x axis.
LEAST_GAP = 16.0
INK, FAINT, PAPER = "#1f2933", "#d5dbe1", "#ffffff"
# Told apart by people who see few colours (after Okabe and Ito).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#8f5fa8"]


@dataclass(frozen=True)
class Series:
    """One line; points without a value are left out."""

    label: str
    points: list[tuple[float, float | None]]

    @property
    def known(self) -> list[tuple[float, float]]:
        return [(x, y) for x, y in self.points if y is not None]


@dataclass(frozen=True)
class Panel:
    """One chart. The y axis begins at zero; the x axis has decades if `is_logarithmic`."""

    title: str
    x_label: str
    unit: str
    series: list[Series]
    is_logarithmic: bool = True


def short(number: float) -> str:
    """A number in few letters: 1.5M, 300k, 20, 0.5."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def steps(largest: float) -> list[float]:
    """Round values from zero to at least the largest, five at most."""
    if largest <= 0:
        return [0.0, 1.0]
    rough = largest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    # Round, so that 0.1 + 0.2 does not show.
    return [round(step * n, 10) for n in range(math.ceil(largest / step - 1e-9) + 1)]


def draw(panels: list[Panel], columns: int) -> str:
    """All panels, row by row."""
    rows = math.ceil(len(panels) / columns)
    width, height = columns * WIDTH, rows * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="10" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number % columns * WIDTH} {number // columns * HEIGHT})">')
        parts += one(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def one(panel: Panel) -> list[str]:
    """One chart in its own coordinates."""
    xs = sorted({x for series in panel.series for x, _ in series.points})
    ys = steps(max((y for series in panel.series for _, y in series.known), default=1.0))
    scale = math.log10 if panel.is_logarithmic else float
    first, last = scale(xs[0]), scale(xs[-1])
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place_x(x: float) -> float:
        share = (scale(x) - first) / (last - first) if last > first else 0.5
        return LEFT + share * (right - LEFT)

    def place_y(y: float) -> float:
        return bottom - y / ys[-1] * (bottom - TOP)

    parts = [
        f'<text x="{LEFT - 36}" y="16" font-size="12" font-weight="600">{escape(panel.title)}, {panel.unit}</text>'
    ]
    for y in ys:
        at = place_y(y)
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 3.5:.1f}" text-anchor="end">{short(y)}</text>')
    free_from = 0.0
    for x in xs:
        if place_x(x) >= free_from:
            parts.append(f'<text x="{place_x(x):.1f}" y="{bottom + 14}" text-anchor="middle">{short(x)}</text>')
            free_from = place_x(x) + LEAST_GAP
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 28}" text-anchor="middle" fill-opacity="0.7">{panel.x_label}</text>')
    at = float(LEFT - 36)
    for series, colour in zip(panel.series, COLOURS, strict=False):
        points = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in series.known)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        for x, y in series.known:
            title = f"<title>{escape(series.label)}: {y:,.2f} {panel.unit} at {x:,.0f} {panel.x_label}</title>"
            parts.append(
                f'<circle cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="2.6" fill="{colour}">{title}</circle>'
            )
        if len(panel.series) > 1:
            parts.append(f'<text x="{at}" y="30" fill="{colour}" font-weight="600">{escape(series.label)}</text>')
            at += 12 + 6.0 * len(series.label)
    return parts
