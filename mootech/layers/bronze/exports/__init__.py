"""The exports protocol of an older service: it writes Parquet files into a bucket, and mootech fetches them."""
