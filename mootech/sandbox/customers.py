"""The shop's customers: a number each, in the order in which they registered."""

from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from mootech.sandbox.calendar import OPENING, day_start
from mootech.sandbox.draws import Floats, Ints, Words, mix, uniform

# The curve of registrations: some founders, then growth to 1,500 at the start of 2023, then two a day.
_FOUNDERS: Final = 50
_ANCHOR: Final = day_start(date(2023, 1, 1))
_AT_ANCHOR: Final = 1_500.0
_A_SECOND: Final = 2 / 86_400
_EARLIEST: Final = day_start(OPENING - timedelta(days=30))

_FIRST = (
    "ada alan amara ana bo carlos chen dana elif emma farid grace hana ivan jamal jo kira lena liam maya "
    "nina noah omar priya rosa sam tara tom uma vera wei yara zoe"
)
_LAST = (
    "adams bauer brown costa cruz diaz evans fischer garcia haas ito jones kaya khan kim lee lopez martin "
    "meyer nowak okafor patel reyes rossi sato silva smith tanaka vogel wang weber young"
)
_FIRST_NAMES: Final = pl.Series(_FIRST.split())
_LAST_NAMES: Final = pl.Series(_LAST.split())
_MAIL_HOSTS: Final = pl.Series(["example.com", "example.net", "example.org"])


class Customers:
    """Who registered when; a customer's traits depend on the seed and the customer's number alone."""

    def __init__(self, seed: int, scale: float) -> None:
        """Take the shop's seed and the factor of its traffic."""
        self._seed = seed
        self._scale = scale

    def registered_before(self, seconds: int) -> int:
        """Return the number N of customers who registered before that Unix second: the customers 0 to N - 1."""
        ahead = seconds - _ANCHOR
        grown = (
            _AT_ANCHOR + ahead * _A_SECOND if ahead > 0 else _AT_ANCHOR * float(np.exp(ahead * _A_SECOND / _AT_ANCHOR))
        )
        reached = _FOUNDERS + self._scale * grown
        whole = int(reached)
        return whole + int(self._jitter(np.array([whole]))[0] < reached - whole)

    def registered(self, numbers: Ints) -> Ints:
        """Return the Unix seconds at which these customers registered."""
        grown = (numbers + self._jitter(numbers) - _FOUNDERS) / self._scale
        with np.errstate(divide="ignore"):
            before = _AT_ANCHOR * np.log(np.maximum(grown, 0) / _AT_ANCHOR)
        ahead = np.where(grown > _AT_ANCHOR, grown - _AT_ANCHOR, before) / _A_SECOND
        # The founders, and the few customers of the curve's far end, register in the weeks before the opening.
        early = _EARLIEST + uniform(self.trait(numbers, 2)) * (day_start(OPENING) - _EARLIEST)
        return np.maximum(_ANCHOR + ahead, early).astype(np.int64)

    def account_ids(self, numbers: Ints) -> pl.Series:
        """Return the account_id of these customers; NULL for the number -1."""
        frame = pl.DataFrame({"number": numbers}).select(
            pl.when(pl.col("number") >= 0).then(
                pl.concat_str(pl.lit("acc-"), pl.col("number").cast(pl.String).str.zfill(7))
            )
        )
        return frame.to_series()

    def emails(self, numbers: Ints) -> pl.Series:
        """Return the e-mail address of these customers, lower case, one for each."""
        bits = self.trait(numbers, 3)
        frame = pl.DataFrame(
            {
                "first": _FIRST_NAMES.gather(bits % np.uint64(len(_FIRST_NAMES))),
                "last": _LAST_NAMES.gather((bits >> np.uint64(16)) % np.uint64(len(_LAST_NAMES))),
                "number": numbers,
                "host": _MAIL_HOSTS.gather((bits >> np.uint64(32)) % np.uint64(len(_MAIL_HOSTS))),
            }
        )
        return frame.select(pl.format("{}.{}{}@{}", "first", "last", "number", "host")).to_series()

    def trait(self, numbers: Ints, what: int) -> Words:
        """Return 64 random bits of these customers for the purpose numbered `what`."""
        return mix(mix(numbers, self._seed), what)

    def _jitter(self, numbers: Ints) -> Floats:
        """Return how long each waited before registering, in [0, 1) of the time between two registrations."""
        return uniform(self.trait(numbers, 1))
