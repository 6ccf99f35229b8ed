"""Plots of what tools/bench measured, as SVG: ratios beside their targets, and latencies."""
import html
import math
import re

COLOURS = {"ours": "#1f6feb", "peer": "#d1622b", "floor": "#57606a"}
WIDTH, LABELS, ROW = 860, 430, 26


def of(report):
    """{name: SVG}"""
    pictures = {"ratios": ratios(report["metrics"]), "latency": latency(report.get("histograms", {}))}
    return {name: picture for name, picture in pictures.items() if picture}


def text(x, y, content, anchor="start", colour="#24292f"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
            f'font-family="sans-serif" font-size="12">{html.escape(content)}</text>')


def line(x1, y1, x2, y2, colour, width=1.0):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"/>')


def picture(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}">\n<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def ratios(metrics):
    """A row for each ratio: the median as a dot, the range of the rounds as a line, the target as a mark."""
    rows = []
    for metric in metrics:
        for other, ratio in metric.get("ratios", {}).items():
            if other not in ("peer", "floor") or ratio["lowest"] <= 0:
                continue
            kind = "ratio" if other == "peer" else other
            target = re.search(kind + r" (<=|>=) ([0-9.]+)", metric["target"])
            rows.append((f"{metric['title']} / {other}", other, ratio, float(target[2]) if target else None))
    if not rows:
        return None
    values = [value for _, _, ratio, target in rows for value in (ratio["lowest"], ratio["highest"], target or 1, 1)]
    low, high = math.log2(min(values)) - 0.2, math.log2(max(values)) + 0.2

    def place(value):
        return LABELS + (math.log2(value) - low) / (high - low) * (WIDTH - LABELS - 20)

    height = ROW * (len(rows) + 2)
    parts = []
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = place(2.0**power)
        parts.append(line(x, ROW, x, height - ROW, "#57606a" if power == 0 else "#d0d7de"))
        parts.append(text(x, height - 8, f"{2.0**power:g}", "middle"))
    parts.append(text(8, 16, "ours to the other; dot: median, line: range of the rounds, red: target"))
    for i, (title, other, ratio, target) in enumerate(rows):
        y = ROW * (i + 1.6)
        parts.append(text(8, y + 4, title if len(title) < 70 else title[:67] + "..."))
        parts.append(line(place(ratio["lowest"]), y, place(ratio["highest"]), y, COLOURS[other], 3))
        parts.append(f'<circle cx="{place(ratio["median"]):.1f}" cy="{y:.1f}" r="5" fill="{COLOURS[other]}"/>')
        if target:
            parts.append(line(place(target), y - 9, place(target), y + 9, "#cf222e", 2))
    return picture(height, parts)


def latency(histograms):
    """Of each contender: what part of the transactions took at most so long; all rounds together."""
    curves = {}
    for by_contender in histograms.values():
        for who, rounds in by_contender.items():
            buckets = {}
            for samples in rounds:
                for end, count in samples:
                    buckets[end] = buckets.get(end, 0) + count
            curves[who] = sorted(buckets.items())
    if not curves:
        return None
    ends = [end for curve in curves.values() for end, _ in curve]
    low, high = math.log10(min(ends)), math.log10(max(ends))
    left, bottom, top = 60, 300, 30

    def x_of(value):
        return left + (math.log10(value) - low) / (high - low) * (WIDTH - left - 20)

    def y_of(part):
        return bottom - part * (bottom - top)

    parts = [text(8, 16, "part of the transactions, 1 outstanding, that took at most so many microseconds")]
    for part in (0, 0.25, 0.5, 0.75, 0.99):
        parts += [line(left, y_of(part), WIDTH - 20, y_of(part), "#d0d7de"), text(left - 6, y_of(part) + 4, f"{part:g}", "end")]
    for power in range(math.ceil(low), math.floor(high) + 1):
        parts += [line(x_of(10.0**power), top, x_of(10.0**power), bottom, "#d0d7de"),
                  text(x_of(10.0**power), bottom + 18, f"{10.0**power:g}", "middle")]
    for i, (who, curve) in enumerate(curves.items()):
        total, seen, points = sum(count for _, count in curve), 0, []
        for end, count in curve:
            seen += count
            points.append(f"{x_of(end):.1f},{y_of(seen / total):.1f}")
        colour = COLOURS.get(who, "#8250df")
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(WIDTH - 90, bottom - 60 + 18 * i, who, colour=colour))
    return picture(bottom + 30, parts)
