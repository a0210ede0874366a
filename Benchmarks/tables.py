"""The bench's figures as text: one table for each kind of run."""

import servers


def table(header: tuple, rows: list) -> str:
    """Columns as wide as their cells; the first is aligned left, the others right."""
    widths = [max(len(row[index]) for row in [header, *rows]) for index in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths)))
        for row in [header, *rows])


def closed_loop(figures: dict, labels: dict) -> str:
    header = (
        "server", "CPU µs", "× C", "Redis µs", "both µs", "× C", "per s", "× C", "program",
        "kernel", "busy", "Redis busy", "p50 ms", "p99 ms", "peak MB", "start ms")
    reference = figures.get(servers.REFERENCE)

    def ratio(row: dict, name: str) -> str:
        return f"{row[name] / reference[name]:.2f}" if reference else "-"

    return table(header, [(
        labels[key], f"{row['cpu_us']:.1f}", ratio(row, "cpu_us"), f"{row['redis_us']:.1f}",
        f"{row['both_us']:.1f}", ratio(row, "both_us"), f"{row['per_second']:,.0f}",
        ratio(row, "per_second"), f"{row['user_us']:.1f}", f"{row['system_us']:.1f}",
        f"{row['busy']:.0%}", f"{row['redis_busy']:.0%}", f"{row['p50_us'] / 1e3:.2f}",
        f"{row['p99_us'] / 1e3:.2f}", f"{row['peak_kb'] / 1024:.1f}", f"{row['first_ms']:.1f}",
    ) for key, row in figures.items()])


def open_loop(figures: dict, labels: dict) -> str:
    header = ("server", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "generator late, p99 ms")
    names = ("p50_us", "p99_us", "p999_us", "max_us", "late_p99_us")
    return table(header, [
        (labels[key], *(f"{row[name] / 1e3:.3f}" for name in names))
        for key, row in figures.items()])


def idle(figures: dict, labels: dict) -> str:
    header = ("server", "each, bytes", "before, MB", "after, MB")
    return table(header, [
        (labels[key], f"{row['each_bytes']:,.0f}", f"{row['before_bytes'] / 2**20:.1f}",
         f"{row['after_bytes'] / 2**20:.1f}")
        for key, row in figures.items()])
