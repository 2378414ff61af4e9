"""Results, failures and progress: for people on a screen, for scripts as one JSON object, for files as text."""

from mootech.render.charts import have_charts, need_charts, picture
from mootech.render.document import document, dumps
from mootech.render.formats import Format, encoded, formatted
from mootech.render.outcomes import show
from mootech.render.page import qa_page
from mootech.render.progress import progress_on
from mootech.render.report_page import report_page, versions
from mootech.render.screen import Screen
from mootech.render.text import clean

__all__ = [
    "Format",
    "Screen",
    "clean",
    "document",
    "dumps",
    "encoded",
    "formatted",
    "have_charts",
    "need_charts",
    "picture",
    "progress_on",
    "qa_page",
    "report_page",
    "show",
    "versions",
]
