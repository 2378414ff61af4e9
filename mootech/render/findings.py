"""What `qa` and `verify` found."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from mootech.model import Finding
from mootech.outcomes import QaOutcome
from mootech.render.rendering import Rendering
from mootech.render.screen import Screen, grid, print_grid
from mootech.render.text import NOTHING, clean, count, plural


def _show(outcome: QaOutcome, screen: Screen) -> None:
    _print(outcome, outcome.findings, screen)


def _brief(outcome: QaOutcome, screen: Screen) -> None:
    """Leave out figures that are good."""
    _print(outcome, [finding for finding in outcome.findings if finding.warning or not finding.ok], screen)


def _print(outcome: QaOutcome, findings: Sequence[Finding], screen: Screen) -> None:
    bad = sum(not finding.ok for finding in outcome.findings)
    odd = sum(finding.warning for finding in outcome.findings)
    if findings:
        _print_table(findings, screen)
    screen.line(
        f"{plural(len(outcome.findings), 'check')}, {count(bad)} to act on{f', {count(odd)} to look at' if odd else ''}"
    )


def _print_table(findings: Sequence[Finding], screen: Screen) -> None:
    table = grid("", "Table", "Day", "Column", "Check", "Finding")
    for finding in findings:
        table.add_row(
            _verdict(finding),
            clean(finding.table),
            str(finding.utc_date or NOTHING),
            clean(finding.column or NOTHING),
            clean(finding.check),
            clean(finding.message),
        )
    print_grid(table, screen.out)


def _verdict(finding: Finding) -> Text:
    if not finding.ok:
        return Text("BAD", style="bold red")
    return Text("odd", style="yellow") if finding.warning else Text("ok", style="green")


def _fields(outcome: QaOutcome) -> dict[str, Any]:
    fields: dict[str, Any] = {"findings": [asdict(finding) for finding in outcome.findings]}
    if outcome.command == "qa":
        fields["history"] = [asdict(day) for day in outcome.history]
    return fields


FINDINGS = Rendering(QaOutcome, _show, brief=_brief, fields=_fields)
