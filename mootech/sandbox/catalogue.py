"""What the shop sells: ten core products and more that are always there, and a limited edition every quarter."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from mootech.sandbox.calendar import CLOSING, OPENING
from mootech.sandbox.draws import Floats, Ints


@dataclass(frozen=True)
class Product:
    """A product; its index in `CATALOGUE` stands for it in the arrays of orders and visits."""

    product_id: str
    product_name: str
    category: str
    cents: int
    """Price in 2023, in US cents."""
    weight: float
    """How often it is looked at, against the others."""
    launched: date = date.min
    """First day on sale."""
    delisted: date = date.max
    """First day no longer on sale."""
    fixed: bool = False
    """True when the price never changes."""

    @property
    def slug(self) -> str:
        """The name as a path of the shop's web site."""
        return self.product_name.lower().replace(" ", "-")


_CORE = (
    Product("P-1001", "Tumbler", "Drinkware", 1768, 3.0, fixed=True),
    Product("P-1002", "Coffee Mug", "Drinkware", 1250, 2.2),
    Product("P-1003", "Water Bottle", "Drinkware", 2199, 2.0),
    Product("P-1004", "Tote Bag", "Bags", 1899, 1.6),
    Product("P-1005", "Backpack", "Bags", 6490, 1.0),
    Product("P-1006", "Hoodie", "Apparel", 5499, 1.4),
    Product("P-1007", "T-Shirt", "Apparel", 2400, 2.1),
    Product("P-1008", "Baseball Cap", "Apparel", 2150, 1.1),
    Product("P-1009", "Notebook", "Office", 999, 1.7),
    Product("P-1010", "Ballpoint Pen", "Office", 450, 1.2),
    Product("P-1011", "Desk Lamp", "Office", 4580, 0.7),
    Product("P-1012", "Sticker Set", "Office", 599, 1.5),
)

_SEASONS = ("Winter", "Spring", "Summer", "Autumn")
_EDITIONS = ("Mug", "Bottle", "Shirt", "Bag")


def _edition(year: int, quarter: int) -> Product:
    """Return the limited edition of a quarter (0 to 3): launched on its first day, delisted a year later."""
    month = 3 * quarter + 1
    kind = _EDITIONS[(year + quarter) % len(_EDITIONS)]
    return Product(
        product_id=f"L-{year}Q{quarter + 1}",
        product_name=f"{_SEASONS[quarter]} {kind} {year}",
        category="Limited Editions",
        cents=2000 + 150 * ((7 * year + 3 * quarter) % 11),
        weight=0.9,
        launched=date(year, month, 1),
        delisted=date(year + 1, month, 1),
    )


CATALOGUE: tuple[Product, ...] = (
    *_CORE,
    *(_edition(year, quarter) for year in range(OPENING.year - 1, CLOSING.year + 1) for quarter in range(4)),
)
"""Every product there ever is."""


def _cents_of_year(index: int, year: int) -> int:
    """Return a core product's price in the year after its change of price."""
    inflation = 1.02 ** min(max(year - 2023, -20), 40)
    wobble = 1 + 0.01 * ((5 * index + 3 * year) % 7 - 3)
    # Even cents in even years, odd ones in odd years: a change of price always changes the price.
    return 2 * round(CATALOGUE[index].cents * inflation * wobble / 2) + year % 2


def _change_of_price(index: int, year: int) -> int:
    """Return the day of the year, 1 to 365, on which a core product changes its price.

    The products' days lie a month apart, so that every quarter sees some of them.
    """
    return (31 * index + 11 * year) % 365 + 1


def _cents_on(index: int, day: date) -> int:
    """Return the price in force on a day on which the product is on sale."""
    product = CATALOGUE[index]
    if product.fixed or index >= len(_CORE):
        return product.cents
    changed = day.timetuple().tm_yday >= _change_of_price(index, day.year)
    return _cents_of_year(index, day.year if changed else day.year - 1)


@dataclass(frozen=True)
class Offer:
    """What is on sale on one day."""

    products: Ints
    """Indices into `CATALOGUE`, ascending."""
    weights: Floats
    """Popularity, one for each of `products`."""
    cents: Ints
    """Price in force, one for each entry of `CATALOGUE`; 0 where not on sale."""


@lru_cache(maxsize=512)
def offer(day: date) -> Offer:
    """Return what is on sale on that day, and for how much."""
    products = [index for index, each in enumerate(CATALOGUE) if each.launched <= day < each.delisted]
    cents = np.zeros(len(CATALOGUE), dtype=np.int64)
    cents[products] = [_cents_on(index, day) for index in products]
    return Offer(
        products=np.array(products, dtype=np.int64),
        weights=np.array([CATALOGUE[index].weight for index in products]),
        cents=cents,
    )
