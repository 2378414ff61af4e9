"""The history of a lake's quality as one HTML page: no script, nothing loaded, every text escaped.

Each table has five heat maps: a row per month, a cell per day. A cell shows its meaning by its colour, by its sign, and
in words as a tooltip, which screen readers read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from mootech.outcomes import DayQuality, DayState, QaOutcome
from mootech.render.html import page, text
from mootech.render.text import count, plural

_STYLE = """
table{border-collapse:separate;border-spacing:2px;margin:0 0 1.5rem}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th{font-weight:400;font-size:12px;text-align:right;padding-right:.3rem;white-space:nowrap}
.map td{width:18px;min-width:18px;height:18px;padding:0;text-align:center;font:11px/18px ui-monospace,monospace}
.key th{text-align:left;padding-left:.4rem}
.v{background:var(--none)}.g{background:var(--good)}.a{background:var(--l1)}.b{background:var(--l2)}
.c{background:var(--l3)}.d{background:var(--l4);color:var(--on4)}
.list td,.list th{border-top:1px solid var(--line);padding:.2rem .6rem;text-align:left;vertical-align:top;
overflow-wrap:anywhere}
"""
_LEVELS = ((0.001, "a", "1"), (0.01, "b", "2"), (0.05, "c", "3"), (1.0, "d", "4"))
"""Share of the rows up to which a cell has a class and a sign."""
_MANY = 3
_DAYS = range(1, 32)
_SHOWN = 500


@dataclass(frozen=True)
class _Cell:
    css: str
    sign: str
    words: str


def qa_page(outcome: QaOutcome) -> str:
    """Return the page about the outcome's history, to be stored as UTF-8."""
    tables = [(name, list(days)) for name, days in groupby(outcome.history, key=lambda day: day.table)]
    wrong = sum(not finding.ok for finding in outcome.findings)
    odd = sum(finding.warning for finding in outcome.findings)
    parts = [
        "<h1>Quality of the lake</h1>",
        f"<p>{plural(len(outcome.findings), 'check')}, {count(wrong)} to act on, {count(odd)} to look at.</p>",
        "<p>All days are UTC. Point at a cell to read it.</p>",
        _legend(),
        *(part for name, days in tables for part in _table(name, days)),
        _general(outcome),
    ]
    return page("Quality of the lake", _STYLE, parts)


def _legend() -> str:
    cells = [
        _Cell("g", "", "all is well"),
        _Cell("a", "1", "up to 0.1 % of the rows, or one remark"),
        _Cell("b", "2", "up to 1 %, or two"),
        _Cell("c", "3", "up to 5 %, or three"),
        _Cell("d", "4", "more"),
        _Cell("d", "B", "blocked by the gate"),
        _Cell("v", "-", "missing, or not known"),
    ]
    rows = "".join(f"<tr>{_td(cell)}<th>{escape(cell.words)}</th></tr>" for cell in cells)
    return f'<table class="map key"><caption>Signs</caption>{rows}</table>'


def _table(name: str, days: Sequence[DayQuality]) -> Iterator[str]:
    """Yield the section of one table."""
    yield f"<section><h2>{text(name)}</h2>"
    for caption, cell in _MAPS:
        yield _map(f"{name}: {caption}", days, cell)
    remarks = [(day.utc_date, remark) for day in days for remark in day.remarks]
    if remarks:
        rows = "".join(f"<tr><th>{day}</th><td>{text(remark)}</td></tr>" for day, remark in remarks[:_SHOWN])
        left_out = len(remarks) - _SHOWN
        more = f"<p>{plural(left_out, 'more remark')}: mootech qa --json</p>" if left_out > 0 else ""
        yield f'<table class="list"><caption>{text(name)}: days to look at</caption>{rows}</table>{more}'
    yield "</section>"


def _map(caption: str, days: Sequence[DayQuality], cell: Callable[[DayQuality], _Cell]) -> str:
    """Return a heat map: a row a month, a column a day of the month."""
    rows = []
    for month, of_month in groupby(days, key=lambda day: day.utc_date.strftime("%Y-%m")):
        cells = {day.utc_date.day: _td(cell(day), day.utc_date.isoformat()) for day in of_month}
        rows.append(f"<tr><th scope=row>{month}</th>{''.join(cells.get(n, '<td></td>') for n in _DAYS)}</tr>")
    head = "".join(f"<th scope=col>{n}</th>" for n in _DAYS)
    return (
        f'<table class="map"><caption>{text(caption)}</caption><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{chr(10).join(rows)}</tbody></table>"
    )


def _td(cell: _Cell, day: str = "") -> str:
    words = text(f"{day} {cell.words}".strip())
    return f'<td class={cell.css} title="{words}">{escape(cell.sign)}</td>'


def _completeness(day: DayQuality) -> _Cell:
    if day.state is DayState.MISSING:
        return _Cell("v", "-", "missing")
    if day.state is DayState.BLOCKED:
        there = f"; {count(day.published)} rows of before are held" if day.published is not None else ""
        return _Cell("d", "B", f"blocked{there}")
    if day.published is None:
        return _Cell("v", "?", "held, without a receipt")
    words = f"{count(day.published)} rows of {count(day.fetched)} fetched"
    if day.source_share is None:
        return _Cell("g", "", words)
    return _level(1 - day.source_share, f"{words}; {day.source_share:.2%} of what the shop counts")


def _share(some: int | None, of: int | None, what: str) -> _Cell:
    """Return how much of a day something is."""
    if some is None or of is None:
        return _Cell("v", "-", "not known")
    words = f"{count(some)} {what} of {count(of)} rows"
    return _level(some / of if some else 0.0, words)


def _level(share: float, words: str) -> _Cell:
    """Return the cell for the share of a day's rows that is wrong, 0 to 1."""
    if not share:
        return _Cell("g", "", words)
    css, sign = next((css, sign) for limit, css, sign in _LEVELS if share <= limit)
    return _Cell(css, sign, words)


def _remarks(day: DayQuality) -> _Cell:
    if day.state is DayState.MISSING:
        return _Cell("v", "-", "missing")
    if not day.remarks:
        return _Cell("g", "", "nothing unusual")
    level = min(len(day.remarks), _MANY + 1) - 1
    return _Cell("abcd"[level], str(level + 1), "; ".join(day.remarks))


_MAPS: tuple[tuple[str, Callable[[DayQuality], _Cell]], ...] = (
    ("completeness", _completeness),
    ("bad rows", lambda day: _share(day.quarantined, day.fetched, "quarantined")),
    ("duplicates", lambda day: _share(day.duplicates, day.fetched, "exact duplicates")),
    ("schema drift", lambda day: _share(day.undeclared, day.published, "with undeclared fields")),
    ("anomalies and broken rules", _remarks),
)


def _general(outcome: QaOutcome) -> str:
    """Return the findings that belong to no day and need a look."""
    findings = [each for each in outcome.findings if each.utc_date is None and (each.warning or not each.ok)]
    if not findings:
        return ""
    rows = "".join(
        f"<tr><th>{text(each.table)}</th><td>{text(each.check)}</td><td>{text(each.message)}</td></tr>"
        for each in findings
    )
    return f'<table class="list"><caption>Of no single day</caption>{rows}</table>'
