"""The one table: ours beside the other side, the ratio, the budget. For a terminal and for docs/benchmarks.md."""

from collections.abc import Iterable, Sequence

from benchmarks.figures import Limit, Line, Measure, Results, Side

HEADERS = ("what", "ours", "the other side", "ratio", "budget")
_WHOLE_SECONDS = 100


def cells(line: Line, *, judged: bool = True) -> tuple[str, ...]:
    """Return a line as texts under the headers; `judged` says of each limit whether it holds."""
    if line.missing and line.ours is None:
        return (line.title, f"not measured: {line.missing}", "", "", "")
    other = f"not measured: {line.missing}" if line.missing else _side(line.other, named=True)
    return (line.title, _side(line.ours), other, ratio(line), budget(line, judged=judged))


def ratio(line: Line) -> str:
    """Return what the sides are to each other, in the measure that the line's budget is about."""
    if line.ours is None or line.other is None:
        return ""
    measures = {limit.measure for limit in line.limits}
    if Measure.MEMORY in measures:
        return f"{line.ours.peak / line.other.peak:.2f} {Measure.MEMORY}"
    if Measure.SPEED in measures:
        return f"{line.other.time / line.ours.time:.1f} {Measure.SPEED}"
    return f"{line.ours.time / line.other.time:.2f} {Measure.TIME}"


def budget(line: Line, *, judged: bool) -> str:
    """Return each limit of the line; `judged` adds whether it holds."""
    if line.ours is None or not judged:
        return "; ".join(_limit(each) for each in line.limits)
    words = {True: "kept", False: "missed", None: "not measured"}
    return "; ".join(f"{_limit(each)}: {words[each.holds(line.ours, line.other)]}" for each in line.limits)


def printed(found: Results) -> str:
    """Return the table for a terminal, with the facts below it."""
    rows = [HEADERS, *(cells(line, judged=found.judged) for line in found.lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADERS))]
    table = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    machine = ", ".join(f"{name} {text}" for name, text in found.machine.items())
    head = f"runs a side: {found.runs}, of which medians; size: {found.scale:g} of the full one; {machine}"
    return "\n".join([head, "", *table, *(f"  {each}" for each in facts(found.lines))])


def facts(lines: Iterable[Line]) -> Sequence[str]:
    """Return the further figures, each with its line."""
    return [
        f"{line.title}: " + "; ".join(f"{name} {text}" for name, text in line.facts.items())
        for line in lines
        if line.facts
    ]


def _side(side: Side | None, *, named: bool = False) -> str:
    if side is None:
        return ""
    time = f"{side.time:.2f} s" if side.time < _WHOLE_SECONDS else f"{side.time:.0f} s"
    rate = "" if side.rows is None else f"{side.rows / side.time:,.0f} rows/s"
    figures = ", ".join(filter(None, (time, rate, f"{side.peak:,.0f} MB")))
    return f"{side.name}: {figures}" if named else figures


def _limit(limit: Limit) -> str:
    least = "at least" if limit.measure is Measure.SPEED else "at most"
    return f"{least} {limit.bound:g} {limit.measure}"
