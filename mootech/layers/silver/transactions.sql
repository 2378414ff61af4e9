-- Silver transactions: bronze with a timestamp, and money as decimals.
--
-- Grain       order.
-- Inputs      bronze: transactions, one row per order, with utc_date DATE from its partition.
-- Columns     utc_date             DATE           UTC day of the partition
--             order_id             VARCHAR
--             email                VARCHAR
--             transaction_type     VARCHAR        purchase or return
--             items                VARCHAR[]      product_ids, one entry per unit
--             total_item_quantity  BIGINT         units
--             total_purchase_usd   DECIMAL(18,4)  USD
--             timestamp            TIMESTAMP      UTC
-- Order       none: the rows are sorted by timestamp and order_id when they are published.

SELECT
    utc_date,
    order_id,
    email,
    transaction_type,
    items,
    total_item_quantity,
    -- The cast goes through whole hundredths of a cent, because engines round floating-point numbers differently.
    CAST(CAST(CAST(round(total_purchase_usd * 10000) AS BIGINT) AS DECIMAL(18, 0)) * 0.0001 AS DECIMAL(18, 4))
        AS total_purchase_usd,
    make_timestamp(transaction_timestamp * 1000000) AS "timestamp"
FROM bronze
