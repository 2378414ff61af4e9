"""Tests of the repository around the code: what the documents say is what the project does."""
