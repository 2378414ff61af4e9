"""The floor of silver: DuckDB reads bronze and writes the rows with silver's types, in one COPY ... PARTITION_BY."""

import json
import sys

import duckdb


def main() -> None:
    """Rewrite the partitions and print how many rows they have; with `day`, only that day's."""
    asked = json.loads(sys.argv[1])
    with duckdb.connect(config={"preserve_insertion_order": False}) as connection:
        connection.execute(
            """
            COPY (
                SELECT
                    order_id,
                    email,
                    transaction_type,
                    items,
                    total_item_quantity,
                    CAST(total_purchase_usd AS DECIMAL(18, 4)) AS total_purchase_usd,
                    make_timestamp(transaction_timestamp * 1000000) AS "timestamp",
                    current_date AS last_modified,
                    utc_date
                FROM read_parquet($bronze, hive_partitioning = true, hive_types = {'utc_date': DATE})
                WHERE $day IS NULL OR utc_date = $day
            ) TO $target (FORMAT parquet, PARTITION_BY (utc_date), COMPRESSION zstd)
            """,
            {"bronze": f"{asked['bronze']}/*/data.parquet", "day": asked.get("day"), "target": asked["target"]},
        )
        (rows,) = connection.execute(
            "SELECT sum(num_rows) FROM parquet_file_metadata($written)", {"written": f"{asked['target']}/*/*.parquet"}
        ).fetchone() or (0,)
    print(json.dumps({"rows": int(rows)}))


if __name__ == "__main__":
    main()
