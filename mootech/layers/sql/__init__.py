"""One statement per file: the reports, and the silver tables that are made from many days."""
