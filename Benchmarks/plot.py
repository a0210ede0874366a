"""Horizontal stacked bars as SVG, without a library."""

import html

LABEL_WIDTH = 230
BAR_WIDTH_MAX = 440
ROW = 26
TOP = 56
# Core API's bars have a colour of their own.
OURS, OTHERS, REDIS = "#d9480f", "#4c6ef5", "#adb5bd"
KERNEL_OPACITY = 0.55


def text(x: float, y: float, content: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{html.escape(content)}</text>'


def rectangle(x: float, y: float, width: float, colour: str, opacity: float = 1) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="18" fill="{colour}" '
        f'fill-opacity="{opacity}"/>')


def bar(y: float, label: str, figures: dict, is_ours: bool, scale: float) -> list:
    """The server's program and kernel parts, then Redis's."""
    # A bar that is wider than the picture is cut; its figure says so.
    whole = figures["both_us"] * scale
    is_cut = whole > 1.01 * BAR_WIDTH_MAX
    colour = OURS if is_ours else OTHERS
    # Each figure is a median of its own: the parts need not add up to the whole.
    parts = (
        ("user_us", colour, 1), ("system_us", colour, KERNEL_OPACITY), ("redis_us", REDIS, 1))
    total = sum(figures[name] for name, _, _ in parts)
    shapes = [text(LABEL_WIDTH - 8, y + 14, label, 'text-anchor="end"')]
    x = LABEL_WIDTH
    for name, fill, opacity in parts:
        width = min(whole, BAR_WIDTH_MAX) * figures[name] / total if total else 0
        shapes.append(rectangle(x, y, width, fill, opacity))
        x += width
    figure = f"{figures['both_us']:,.1f} = {figures['cpu_us']:,.1f} + {figures['redis_us']:,.1f}"
    shapes.append(text(x + 8, y + 14, figure + (" (bar cut)" if is_cut else "")))
    return shapes


def scale_of(totals: list) -> float:
    """Pixels for a microsecond. The largest total does not count if it is more than twice the
    next: one slow server would make the other bars invisible.
    """
    largest = sorted(totals)[-2:]
    end = largest[0] if largest[-1] > 2 * largest[0] else largest[-1]
    return BAR_WIDTH_MAX / end if end else 0


def svg(rows: list, subtitle: str) -> str:
    """The picture. Each row is a label, the figures of `measure.closed_loop`, and whether the
    server is Core API; they are sorted by the CPU of server and Redis.
    """
    rows = sorted(rows, key=lambda row: row[1]["both_us"])
    scale = scale_of([figures["both_us"] for _, figures, _ in rows])
    width, height = LABEL_WIDTH + BAR_WIDTH_MAX + 270, TOP + ROW * len(rows) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(12, 22, "CPU of server and Redis for one transaction, in µs: less is better",
             'font-size="15" font-weight="bold"'),
        text(12, 42, subtitle, 'fill="#555"'),
    ]
    for index, (label, figures, is_ours) in enumerate(rows):
        parts += bar(TOP + ROW * index, label, figures, is_ours, scale)
    parts += [
        text(LABEL_WIDTH, height - 12,
             "full colour: the server's program; pale: the kernel for the server; grey: Redis",
             'fill="#555"'),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
