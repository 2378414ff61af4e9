"""The data contract and the checks on what the lake holds."""
