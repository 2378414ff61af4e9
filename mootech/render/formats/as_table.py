"""Reports as tables for people, in a file as wide as a mail."""
# ruff: noqa: PLC0415 - Rich has no part in --help

import io

from mootech.render.formats.format import Format, Reports

_WIDTH = 100


def _encode(reports: Reports) -> bytes:
    from mootech.render.reports import print_reports
    from mootech.render.screen import console_for

    stream = io.StringIO()
    print_reports(reports, console_for(stream, _WIDTH), ascii_only=False)
    return stream.getvalue().encode()


TABLE = Format("table", _encode)
