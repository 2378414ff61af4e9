"""A shop to rehearse on: deterministic data behind a real HTTP server."""
