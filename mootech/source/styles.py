"""How one page leads to the next: a class for each pagination style, and the registry of their names.

A new style is a class here and its name in `config.dialect`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import urljoin

import httpx
import msgspec

from mootech.config import PagesSettings
from mootech.errors import RefusedError
from mootech.source.guards import PagePosition
from mootech.source.http import Ask
from mootech.source.links import next_of
from mootech.source.paths import decoded_at, shown


@dataclass(frozen=True)
class PageRead:
    """A page as far as it was read: all that a style may look at to find the next one."""

    before: PagePosition
    """The pages before it."""
    rows: int
    page_size: int
    """The rows that were asked for."""
    total: int | None
    """Rows of the day as declared; None where none are declared."""
    more: bool | None
    """Whether the shop says that there is another page; None where it does not say."""
    beside: Mapping[str, msgspec.Raw]
    """The fields of the body that stand beside the rows."""
    head: Mapping[str, str]
    """The headers that belong to the page, names in lower case."""
    first_address: str
    """The address of the first page, without its query."""


class Style(ABC):
    """One way from page to page. A cursor is whatever says where to go on: a token, a number or an address."""

    name: ClassVar[str]
    place: ClassVar[str] = ""
    """Default name of the parameter that holds the cursor; empty: no parameter does."""
    beside_rows: ClassVar[bool] = False
    """True: the body names the next page, so there must be something beside the rows, and `next` says where."""
    limited: ClassVar[bool] = True
    """True: a request may say how many rows a page has."""
    counts: ClassVar[bool] = False
    """True: nothing in a page names the next one, so a shop may refuse the page behind the last."""
    headers: ClassVar[tuple[str, ...]] = ()
    """The headers that name the next page, in lower case."""

    def parameter(self, pages: PagesSettings) -> str:
        """Return the name of the parameter that holds the cursor; empty when no parameter does."""
        return self.place and (pages.place_parameter or self.place)

    def ask(self, first: Ask, pages: PagesSettings, cursor: str | None) -> Ask:
        """Return the request for the page at a cursor, None for the day's first page.

        `first` is the request for the day without any cursor.
        """
        return first if cursor is None else replace(first, params={**first.params, self.parameter(pages): cursor})

    @abstractmethod
    def following(self, pages: PagesSettings, page: PageRead) -> str | None:
        """Return the cursor of the page that follows; None on the last.

        Raises:
            msgspec.MsgspecError: what should name it does not.
            RefusedError: it names a page that is not the shop's.

        """


class ByCursor(Style):
    """The body holds the cursor to ask with."""

    name = "cursor"
    place = "cursor"
    beside_rows = True

    def following(self, pages: PagesSettings, page: PageRead) -> str | None:
        """Return what stands at `next`."""
        return _named(pages, page)


class _Counted(Style):
    """No page names the next one: pages or rows are counted."""

    counts = True

    def ask(self, first: Ask, pages: PagesSettings, cursor: str | None) -> Ask:
        """Return the request; the first page has a number, too."""
        return super().ask(first, pages, str(self.first(pages)) if cursor is None else cursor)

    def following(self, pages: PagesSettings, page: PageRead) -> str | None:
        """Return the number of the next page; None when this page is the last.

        What the shop says decides. Where it says nothing, the last page is the one with which all declared rows have
        arrived, or one without rows. A short page proves nothing: the shop may have smaller pages than were asked for.
        """
        is_last = page.rows == 0 or page.total == page.before.rows + page.rows if page.more is None else not page.more
        return None if is_last else str(self.first(pages) + self.counted(page))

    @abstractmethod
    def first(self, pages: PagesSettings) -> int:
        """Return the number of the first page."""

    @abstractmethod
    def counted(self, page: PageRead) -> int:
        """Return what is counted, from the first page to this one."""


class ByPage(_Counted):
    """Pages are counted."""

    name = "page"
    place = "page"

    def first(self, pages: PagesSettings) -> int:
        """Return the configured number."""
        return pages.first_page

    def counted(self, page: PageRead) -> int:
        """Count pages."""
        return page.before.pages + 1


class ByOffset(_Counted):
    """Rows are counted."""

    name = "offset"
    place = "offset"

    def first(self, pages: PagesSettings) -> int:  # noqa: ARG002  # rows are counted from 0 whatever the settings say
        """Return 0."""
        return 0

    def counted(self, page: PageRead) -> int:
        """Count rows."""
        return page.before.rows + page.rows


class _Addressed(Style):
    """The page names the whole address of the next one."""

    def ask(self, first: Ask, pages: PagesSettings, cursor: str | None) -> Ask:  # noqa: ARG002  # an address has it all
        """Return the request for the address."""
        return first if cursor is None else replace(first, params={}, url=cursor)

    def following(self, pages: PagesSettings, page: PageRead) -> str | None:
        """Return the next page's address, which must lie in the origin of the first."""
        named = self.named(pages, page)
        if named is None:
            return None
        return next_address(page.first_address, page.before.next_cursor or page.first_address, named)

    @abstractmethod
    def named(self, pages: PagesSettings, page: PageRead) -> str | None:
        """Return the address as the page has it, perhaps a relative one; None on the last page."""


class ByLink(_Addressed):
    """The Link header holds the address (RFC 8288)."""

    name = "link"
    headers = ("link",)

    def named(self, pages: PagesSettings, page: PageRead) -> str | None:  # noqa: ARG002  # the header has its own grammar
        """Return the link with the relation `next`; an empty address is none."""
        return next_of(page.head.get("link", "")) or None


class ByNextUrl(_Addressed):
    """The body holds the address."""

    name = "next_url"
    beside_rows = True

    def named(self, pages: PagesSettings, page: PageRead) -> str | None:
        """Return what stands at `next`."""
        return _named(pages, page)


class OnePage(Style):
    """One page is all there is."""

    name = "none"
    limited = False

    def following(self, pages: PagesSettings, page: PageRead) -> str | None:  # noqa: ARG002  # nothing to look at
        """Return None."""
        return None


_ALL: tuple[Style, ...] = (ByCursor(), ByPage(), ByOffset(), ByLink(), ByNextUrl(), OnePage())

STYLES: Mapping[str, Style] = {style.name: style for style in _ALL}
"""By the name in [source.pages] style."""


def _named(pages: PagesSettings, page: PageRead) -> str | None:
    """Return the cursor or address in the body; null, false and an empty text are none."""
    named = decoded_at(page.beside, pages.next)
    if named is None or named is False or named == "":
        return None
    if isinstance(named, bool) or not isinstance(named, str | int):
        raise msgspec.ValidationError(f"what stands at {shown(pages.next)} names no page")
    return str(named)


def next_address(home: str, asked: str, named: str) -> str:
    """Return the whole address of a next page.

    Args:
        home: an address of the shop's API: the key goes to its origin and to no other.
        asked: the address of this page, which a relative one starts at.
        named: the address as the page has it.

    Raises:
        RefusedError: it lies elsewhere, or is no address.

    """
    hint = (
        "Nothing was sent there: the key goes to the configured address only. If the shop's API has moved, "
        "set MOOTECH_API_URL; if not, its next links need mending."
    )
    try:
        address, of_shop = httpx.URL(urljoin(asked, named)), httpx.URL(home)
    except (httpx.InvalidURL, ValueError) as exc:
        raise RefusedError("a page names a next one at what is no address", hint=hint) from exc
    if address.userinfo or _origin(address) != _origin(of_shop):
        raise RefusedError(f"a page names a next one at {address.host or 'another place'}, elsewhere", hint=hint)
    return str(address.copy_with(fragment=None))


def _origin(address: httpx.URL) -> tuple[str, str, int | None]:
    default = {"http": 80, "https": 443}.get(address.scheme)
    return address.scheme, address.host, default if address.port is None else address.port
