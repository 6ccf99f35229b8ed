"""Tables of what tools/bench measured, for a terminal and for docs/performance.md."""
import json
import re
import sys

import plots

OURS = "ours"
BEGIN, END = "<!-- tools/bench report: begin -->\n", "<!-- tools/bench report: end -->\n"


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cell(entry):
    if entry is None:
        return "-"
    around = "" if entry["spread"] is None else f" ±{100 * entry['spread'] / 2:.0f}%"
    return number(entry["median"]) + around


def rows_of(results):
    """A heading and a row for each metric; columns for those contenders that there are."""
    others = [who for who in ("peer", "floor", "base") if any(who in result["contenders"] for result in results)]
    yield ("work", "unit", OURS, *others, *(f"to {who}" for who in others), "target", "")
    for result in results:
        verdicts = result["targets"]
        yield (result["title"], result["unit"], cell(result["contenders"].get(OURS)),
               *(cell(result["contenders"].get(who)) for who in others),
               *(cell(result.get("ratios", {}).get(who)) for who in others),
               ", ".join(verdict["target"].replace("ratio", "peer") for verdict in verdicts) or "-",
               ", ".join("met" if verdict["met"] else "missed" for verdict in verdicts))


def table_of(results):
    rows = list(rows_of(results))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def markdown_of(report):
    """A section of docs/performance.md."""
    facts = report["facts"]
    rows = list(rows_of(report["metrics"]))
    lines = [f"### {report['work']}", ""]
    lines.append(f"`tools/bench {'--quick ' if facts['quick'] else ''}--rounds {facts['rounds']} "
                 f"--kernel {facts['kernel_kind']} {report['work']}`, {facts['date']}, commit {facts['commit']}, "
                 f"Linux {facts['kernel']}, {facts['cpu']} ({facts['cpus']} CPUs, of which the guest has one; load "
                 f"{facts['load_before']:.1f} to {facts['load_after']:.1f})"
                 + (f", {facts['peer']}" if "peer" in facts else "") + f". It took {facts['seconds']} s.")
    told = {key: value for key, value in facts.items() if key not in (
        "date", "commit", "cpu", "cpus", "kernel_kind", "kernel", "peer", "rounds", "quick", "load_before",
        "load_after", "seconds")}
    lines += ["", *(f"- {key.replace('_', ' ')}: {shown(value)}" for key, value in told.items())]
    lines += ["" if told else None, "| " + " | ".join(rows[0]) + " |", "| --- " * len(rows[0]) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows[1:]]
    return "\n".join(line for line in lines if line is not None) + "\n"


def shown(value):
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in sorted(value.items(), key=lambda item: -item[1]))
    return number(value) if isinstance(value, float) else str(value)


def write_report(root, results):
    """Into docs/performance.md between its marks, and beside it what that is made of."""
    page = root / "docs" / "performance.md"
    folder = root / "docs" / "performance"
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit("tools/bench: docs/performance.md has no place for the report")
    folder.mkdir(exist_ok=True)
    sections = []
    for path in sorted(results.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        if path.stem.endswith("-compare") or "targets" not in report["metrics"][0]:
            continue
        (folder / path.name).write_text(re.sub(r"\[[^][{}]*\]", lambda match: " ".join(match[0].split()),
                                               json.dumps(report, indent=1)) + "\n", encoding="utf-8")
        section = markdown_of(report)
        for name, picture in plots.of(report).items():
            file = folder / f"{path.stem}-{name}.svg"
            file.write_text(picture, encoding="utf-8")
            section += f"\n![{name} of {report['work']}](performance/{file.name})\n"
        sections.append(section)
    if not sections:
        sys.exit("tools/bench: nothing was measured yet")
    before, rest = text.split(BEGIN)
    page.write_text(before + BEGIN + "\n" + "\n".join(sections) + "\n" + END + rest.split(END)[1], encoding="utf-8")
