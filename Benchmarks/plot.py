"""Horizontal bars as SVG, by hand: for one picture no library is worth its installation."""

import html

LABEL_WIDTH = 230
BAR_WIDTH_MAX = 440
ROW = 26
TOP = 56
# Core API's bars are told from the others by more than their names.
OURS, OTHERS, KERNEL = "#d9480f", "#4c6ef5", 0.55


def text(x: float, y: float, content: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{html.escape(content)}</text>'


def bar(y: float, row: tuple, scale: float) -> list:
    label, whole, user, system, is_ours = row
    colour = OURS if is_ours else OTHERS
    # What would run out of the picture is cut, and its figure says so.
    width = min(whole * scale, BAR_WIDTH_MAX)
    first = width * user / (user + system) if user + system else 0
    rest = width - first
    figure = f"{whole:,.1f}" + (" (bar cut)" if whole * scale > 1.01 * BAR_WIDTH_MAX else "")
    return [
        text(LABEL_WIDTH - 8, y + 16, label, 'text-anchor="end"'),
        f'<rect x="{LABEL_WIDTH}" y="{y}" width="{first:.1f}" height="18" fill="{colour}"/>',
        f'<rect x="{LABEL_WIDTH + first:.1f}" y="{y}" width="{rest:.1f}" height="18" '
        f'fill="{colour}" fill-opacity="{KERNEL}"/>',
        text(LABEL_WIDTH + width + 8, y + 16, figure),
    ]


def svg(rows: list, subtitle: str) -> str:
    """Rows of label, µs, of these the user's and the system's part, and whether it is Core API's;
    the cheapest first. Each is a median of its own, so the parts need not add up to the whole.

    The scale ends at the second-dearest if the dearest is more than twice that, so that one dear
    server does not make the others invisible.
    """
    rows = sorted(rows, key=lambda row: row[1])
    totals = [row[1] for row in rows]
    scale = BAR_WIDTH_MAX / (
        totals[-1] if totals[-1] < 2 * totals[-2:][0] else totals[-2])
    width, height = LABEL_WIDTH + BAR_WIDTH_MAX + 130, TOP + ROW * len(rows) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        text(12, 22, "CPU of the server process for one transaction, in µs: less is better",
             'font-size="15" font-weight="bold"'),
        text(12, 42, subtitle, 'fill="#555"'),
    ]
    for index, row in enumerate(rows):
        parts += bar(TOP + ROW * index, row, scale)
    parts += [
        text(LABEL_WIDTH, height - 12, "full colour: the program; pale: the kernel on its behalf",
             'fill="#555"'),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
