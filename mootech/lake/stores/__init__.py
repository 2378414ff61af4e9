"""What holds a lake's objects: a directory, or a bucket on S3."""
