"""Results, failures and progress: for people on a screen, for scripts as one JSON object, for files as text."""

from mootech.render.document import document, dumps
from mootech.render.formats import Format, formatted
from mootech.render.outcomes import show
from mootech.render.page import qa_page
from mootech.render.progress import progress_on
from mootech.render.screen import Screen
from mootech.render.text import clean

__all__ = ["Format", "Screen", "clean", "document", "dumps", "formatted", "progress_on", "qa_page", "show"]
