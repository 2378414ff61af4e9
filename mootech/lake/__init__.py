"""The lake: stores, paths, publishing, locks. The only importer of s3fs."""
