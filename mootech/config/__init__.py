"""Configuration: the one reader of the environment and of mootech.toml. A flag beats the environment beats the file."""

from mootech.config.dialect import FieldSettings, PagesSettings, TableSettings
from mootech.config.load import load, state_dir, unset
from mootech.config.quality import QaSettings
from mootech.config.settings import IngestSettings, ReportSettings, Settings
from mootech.config.source import JobsSettings, SourceSettings

__all__ = [
    "FieldSettings",
    "IngestSettings",
    "JobsSettings",
    "PagesSettings",
    "QaSettings",
    "ReportSettings",
    "Settings",
    "SourceSettings",
    "TableSettings",
    "load",
    "state_dir",
    "unset",
]
