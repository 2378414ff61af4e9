"""What each command does, for callers in Python: one module for each word that a person types, one function each.

    from mootech.config import load
    from mootech.pipeline.status import status

    status(load(lake="./mootech-lake"))

Settings go in, an outcome comes out. Every function opens the lake, and those that write hold its lock for as long as
they run. A day's expected failure is in the outcome; a failure of the command itself is raised as a MootechError.
"""
