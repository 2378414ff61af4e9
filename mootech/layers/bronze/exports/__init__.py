"""The exports protocol of an older service: it writes Parquet files into a bucket, and we take them from there."""
