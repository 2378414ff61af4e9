"""The shop's API: requests, retries, pages. The only importer of httpx."""
