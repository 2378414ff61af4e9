"""Shops that page and sign in every style, behind a real HTTP server; and one that lies about its total."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tests.wire import Answer, answer, problem, routed, unframed

KEY = "canary-5a3c&+/=key"
"""With characters that an address has to escape."""
USER = "shop-user"


@dataclass(frozen=True)
class AnyShop:
    """What a shop of one style answers for the day it holds; other days have no rows."""

    rows: Sequence[Any]
    style: str
    lines: bool = False
    auth: str = "header"
    day: str = "2024-02-29"
    lie: int = 0
    """Added to the total that it declares."""
    declares: bool = True
    """It declares a total: in the body, or in X-Total-Count where there is none around the rows."""
    most: int = 1000
    """Rows of its largest page."""
    elsewhere: str = ""
    """The origin that its next addresses name instead of its own; `{host}` in it is its own."""
    beyond: int | None = None
    """The status behind the last page, in the styles that count; None is a page without rows."""
    says_more: bool = False
    """It says in the body whether there is another page."""
    gaps: bool = False
    """An empty page comes before each page but the first, in the styles that name the next page."""
    framed: bool = True
    """False: no length and no chunks say where a body ends."""
    asked: list[str] = field(default_factory=list)

    def __call__(self) -> Answer:
        """Return the answer to any request."""
        return routed(self._answer)

    def _answer(self, head: str) -> Answer:
        target = head.split(" ", 2)[1]
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:]) if name
        }
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query, keep_blank_values=True).items()}
        if not self._signed(headers, query):
            return problem(401, f"who is {headers} {target}")
        self.asked.append(target)
        held = self.rows if query.get("start_date") == self.day else []
        named = query.get("cursor") or query.get("offset") or "0"
        in_gap, place = named.startswith("gap"), int(named.removeprefix("gap"))
        size = len(held) if self.style == "none" else min(int(query["limit"]), self.most)
        if self.style == "page":
            place = (int(query["page"]) - 1) * size
        if self.beyond is not None and place and place >= len(held):
            return problem(self.beyond, "there is no such page")
        page = [] if in_gap else held[place : place + size]
        more = place if in_gap else place + size
        following = f"{'gap' * (self.gaps and not in_gap)}{more}" if more < len(held) else None
        return self._page(page, following, len(held) + self.lie, headers["host"], query)

    def _signed(self, headers: dict[str, str], query: dict[str, str]) -> bool:
        """Say whether the key came as it should, and nowhere else."""
        ways = {
            "header": headers.get("x-shop-key") == KEY,
            "bearer": headers.get("authorization") == f"Bearer {KEY}",
            "basic": headers.get("authorization") == f"Basic {b64encode(f'{USER}:{KEY}'.encode()).decode()}",
            "query": query.get("api_key") == KEY,
        }
        return [kind for kind, came in ways.items() if came] == [self.auth]

    def _page(self, rows: Sequence[Any], more: str | None, total: int, host: str, query: dict[str, str]) -> Answer:
        pairs = {**query, "offset": more or ""}
        # As many a shop does, it repeats in the next address whatever was asked, the key included.
        origin = (self.elsewhere or "http://{host}").format(host=host)
        following = f"{origin}/v1/products?{'&'.join(f'{name}={quote(value)}' for name, value in pairs.items())}"
        headers: dict[str, str] = {}
        if self.style == "link" and more is not None:
            headers["Link"] = f'<{following}>; rel="next", <http://{host}/>; rel="first"'
        if self.lines or self.style == "link":
            if self.declares:
                headers["X_Total_Count"] = str(total)
            texts = [json.dumps(row) for row in rows]
            body = "".join(f"{text}\n" for text in texts) if self.lines else f"[{','.join(texts)}]"
            return (answer if self.framed else unframed)(body.encode(), **headers)
        meta: dict[str, Any] = {"count": total} if self.declares else {}
        if self.says_more:
            meta["more"] = more is not None
        if self.style == "cursor":
            meta["after"] = more
        if self.style == "next_url":
            meta["next"] = None if more is None else following
        return answer(json.dumps({"meta": meta, "result": {"items": list(rows)}}).encode(), **headers)
