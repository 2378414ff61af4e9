"""What the HTML pages have in common: one file, no script, nothing loaded, every text escaped."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from mootech.render.text import clean

_BASE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--line:#8c959f;--none:#eaeef2;--good:#aceebb;--l1:#ffe8a3;
--l2:#fdb95c;--l3:#e8743b;--l4:#a40e26;--on4:#fff}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#6e7681;--none:#21262d;
--good:#1f6f35;--l1:#5c4a0f;--l2:#8a5a12;--l3:#b8501f;--l4:#ff8182;--on4:#1b1f24}}
@media print{:root{color-scheme:light}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:62rem;
padding:0 1rem}
"""


def page(title: str, style: str, parts: Iterable[str]) -> str:
    """Return a whole page of these parts of its body, to be stored as UTF-8.

    Its content policy allows this style and nothing else: no script and no request, even if an escape were forgotten.
    """
    style = f"{_BASE}{style.lstrip()}"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f'<link rel="icon" href="data:,"><title>{text(title)}</title><style>{style}</style></head><body><main>',
        *parts,
        "</main></body></html>",
    ]
    return "\n".join(lines) + "\n"


def text(value: object) -> str:
    """Return text of any origin for an element or a quoted attribute."""
    return escape(clean(value), quote=True)


def table(label: str, heads: Sequence[str], rows: Iterable[Sequence[str]], css: Sequence[str] = ()) -> str:
    """Return a table that scrolls by itself where it is wider than the page.

    Args:
        label: its name for screen readers.
        heads: the columns' headings.
        rows: their cells as text of any origin.
        css: a class for each column, empty for none.

    """
    classes = [f' class="{each}"' if each else "" for each in css or [""] * len(heads)]
    head = "".join(
        f'<th scope="col"{attribute}>{text(name)}</th>' for name, attribute in zip(heads, classes, strict=True)
    )
    body = "\n".join(
        f"<tr>{''.join(f'<td{attribute}>{text(cell)}</td>' for cell, attribute in zip(row, classes, strict=True))}</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{text(label)}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
