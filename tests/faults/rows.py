"""What can go wrong, row by row, and what must come of it: the words of docs/faults.md."""

from collections.abc import Mapping
from dataclasses import dataclass

HEAD = """\
<!-- Made from the tests' marks by `make docs`; a test compares it. -->

# What can go wrong, and the tests that make it go wrong

mootech promises that no row is lost and none is counted twice, that good data is never replaced by bad, and that a key
stays secret. Each row below is something that happens to such a program sooner or later. The tests named under it
really make it happen: they kill processes, cut connections, fill disks and forge answers. `make check` runs all of
them. `make torture` runs the kills, the readers and the model for half an hour.

## What is checked after every fault

| | must hold |
|---|---|
| I1 | a partition is byte for byte what an undisturbed run publishes, or what stood there before |
| I2 | within a partition a key occurs once |
| I3 | rows fetched are rows published, quarantined or dropped as exact repeats; the receipt says how many of each |
| I4 | a partition is one object, and below a table's folder lies nothing else |
| I5 | manifests know of nothing that is not published |
| I6 | the API's key can be found nowhere |
| I7 | the next undisturbed run leaves the oracle's bytes, and one more run writes nothing |
| I8 | the exit code tells the truth |

The oracle is the lake that one undisturbed run makes of a small shop (`tests/faults/invariants.py`). Its receipts are
compared with the errors that the sandbox knows it has planted.
"""
_READERS = """\
A reader such as DuckDB or Polars opens an object more than once during one query. If the day is replaced in between,
the reader may stop with an error of its own (a wrong page size, a changed ETag, a text that is not text). No mixture
has been seen as a result, and the same query succeeds when it is repeated. A DuckDB connection that stays open for long
needs `SET enable_external_file_cache = false`: its cache does not notice a file that was replaced within a second."""


@dataclass(frozen=True)
class Fault:
    """One row: what happens, and what must come of it."""

    what: str
    outcome: str
    more: tuple[str, ...] = ()


FAULTS: Mapping[int, Fault] = {
    1: Fault(
        "The process is killed with kill -9: at any moment, and at every step of publishing a day.",
        "I1 to I7. The next run starts at once and fetches only the pages that are not on disk yet.",
    ),
    2: Fault(
        "A single call to the disk or the store fails, whichever it is, for once or from then on.",
        "An error that says what failed and what to do; nothing half-done is visible.",
    ),
    3: Fault("Ctrl-C, or SIGTERM from a supervisor.", "The run ends within ten seconds; a second signal ends it now."),
    4: Fault(
        "The disk runs full: while pages are staged, files built, the journal written.",
        "What was published stays as it was, and can be read.",
    ),
    5: Fault("The folder may not be written, or is mounted read-only.", "Exit 5, with the folder and a remedy."),
    6: Fault(
        "Two, six or ten runs start together on one machine.", "One of them works; all others exit 75 and name it."
    ),
    7: Fault(
        "Runs start together on machines that share nothing but the lake on S3, and the store honours conditions.",
        "The same: the lease has one winner.",
    ),
    8: Fault(
        "The same on a store that takes no notice of conditions.",
        "Every object is whole, whoever wrote it; the user was told that only one machine may write.",
    ),
    9: Fault(
        "A run freezes until its lease is over, another takes over, the first one wakes up.",
        "It writes nothing more; a PUT that was already on its way leaves one whole version, which is checked.",
    ),
    10: Fault("A killed run has left its lock behind.", "The next run does not wait for it."),
    11: Fault(
        "The source says 429, and asks for pauses that make sense, or none at all.",
        "Pauses are bounded and jittered, and the run comes to an end.",
    ),
    12: Fault("The source answers 500, 502, 503 or 504 for a while.", "Asked again, with jitter, until a deadline."),
    13: Fault(
        "The source refuses: 401, 403, 404.",
        "No request is repeated, and a refused key ends the run; exit 4 with a hint about the key or the address.",
    ),
    14: Fault("The source never answers again.", "The run ends in bounded time and lists the days it could not get."),
    15: Fault(
        "A body is cut off, comes in drips, or is gzip without its end.",
        "The page is asked for again; a part of a body is never taken for the whole.",
    ),
    16: Fault(
        "A small body unpacks to gigabytes, or a page is larger than allowed.",
        "It is refused before it costs memory.",
    ),
    17: Fault(
        "An answer 200 that is a web page, empty, no strict JSON, no UTF-8, nested too deep, or holds absurd numbers.",
        "A body that is not strict JSON is asked for again; of a good one only the rows that break the contract are "
        "quarantined.",
    ),
    18: Fault("Pagination runs in circles: the same cursor, the same page, always one more.", "It is noticed; exit 4."),
    19: Fault(
        "Rows come in or go away while the day's pages are read.",
        "The day is read again, or its overlapping pages are united; no row is missed.",
    ),
    20: Fault("Fewer rows come than the source declared.", "The day is not published."),
    21: Fault(
        "A field appears in the middle of a day, changes its type, or holds a number too large.",
        "New fields are kept, rows that break the contract quarantined, and all others published.",
    ),
    22: Fault(
        "A day has only bad rows, or none at all.",
        "Rows are never replaced by an empty partition; a day that really is empty is published as such.",
    ),
    23: Fault(
        "S3 fails in its own ways: lost acknowledgements, connections cut in any part, SlowDown, 409, an error with "
        "status 200, credentials that expire.",
        "I1 to I8: what is stored decides, not what was answered.",
    ),
    24: Fault(
        "Somebody deletes, cuts short or flips a bit of an object in the lake.",
        "`mootech verify` names it, and an ingest makes it again.",
    ),
    25: Fault("Somebody else writes while the lake is listed.", "A listing shows what is there now."),
    26: Fault(
        "Leap days, ends of months and years, any time zone, a clock that is a day off.",
        "The days are UTC days, and the same ones.",
    ),
    27: Fault("cron: no HOME, the C locale, / as the current folder.", "Everything works as in a shell."),
    28: Fault(
        "DuckDB and Polars read all the time while days are republished over and over.",
        "Each read is of the day before or of the day after.",
        (_READERS,),
    ),
    29: Fault(
        "The journal of staged pages is damaged, or another version of mootech wrote it.",
        "It is not believed: its pages are fetched again.",
    ),
    30: Fault("Ten times as much data.", "The memory and the connections of before."),
    31: Fault(
        "The source leaves rows out of its pages and of its total, in silence.",
        "Its metrics tell: the day is fetched again and the passes are united; what stays short is not published.",
    ),
}

SECURITY: Mapping[str, str] = {
    "keys only from the environment or a 0600 file": "Where the key may come from: the environment, a file that only "
    "its owner can read, or a command; from anywhere else it is refused",
    "a canary key is found nowhere": "A key that is easy to find is looked for after runs at `-vv` with failures: in "
    "the output, the logs, the state folder and every object",
    "redirects and next links never leave the configured origin": "No redirect and no link makes mootech show the key "
    "to another host",
    "TLS always verified, plain http only to loopback or by an explicit setting": "Certificates are checked, and plain "
    "http is for this machine unless the settings insist",
    "wire, decoded, page, row and depth caps": "What a source may send is limited: on the wire, unpacked, per page, "
    "per row, and in depth",
    "table names from an allowlist, days parsed and re-rendered": "Tables are known ones, and a day is a date before "
    "it is part of a path",
    "../, %2F, NUL and symlinks refused": "No name leads out of the lake",
    "SQL values bound": "Values are parameters of a query, never part of its text",
    "CSV cells that begin like formulas prefixed": "A spreadsheet does not run what a shop calls its products",
    "HTML escaped": "Neither does a browser",
    "control characters stripped from logs": "Nor does a terminal: a log line is one line of plain characters",
    "state folder 0700, files 0600": "What mootech keeps on this machine is its owner's alone",
    "dependencies pinned by hash": "What gets installed is what was tested",
}
