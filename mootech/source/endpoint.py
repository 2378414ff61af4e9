"""The shop's API, ready to be asked: its settings and the key."""

from dataclasses import dataclass, field

from mootech.config import SourceSettings
from mootech.source.auth import KINDS, Auth


@dataclass(frozen=True)
class Endpoint:
    """Where the shop's API is, how hard it may be asked, and the key it is asked with."""

    settings: SourceSettings
    """The section [source]; its url is set."""
    api_key: str = field(repr=False)
    """The resolved key, wherever it came from."""

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return str(self.settings.url)

    @property
    def auth(self) -> Auth:
        """The key, and how it is sent."""
        return KINDS[self.settings.auth.kind](self.api_key, self.settings.auth)
