"""The tests of mootech, by kind: unit, property, conformance, integration, e2e, docs."""
