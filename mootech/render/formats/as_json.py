"""Reports as a JSON array: one object per row."""

from mootech.render.encoding import dumps, rows_of
from mootech.render.formats.format import Format, Reports


def _encode(reports: Reports) -> bytes:
    return f"{dumps([row for report in reports for row in rows_of(report)])}\n".encode()


JSON = Format("json", _encode, ("json",))
