"""mootech: a shop's API in, trustworthy month-over-month sales reports out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mootech.ingestor import (
        DataIngest,
        generate_report,
        qa_driver,
        quality_assurance_clickstream,
        schema_check,
    )

__all__ = ["DataIngest", "generate_report", "qa_driver", "quality_assurance_clickstream", "schema_check"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # PEP 562: whatever the name stands for
    """Load the Python face when it is asked for: the command line must not pay for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mootech import ingestor  # noqa: PLC0415  # see the docstring

    return getattr(ingestor, name)
