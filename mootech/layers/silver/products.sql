-- Silver products: from daily snapshots to validity ranges (slowly changing dimension, type 2).
--
-- Grain       product and range of days on which the snapshots said the same about it.
-- Inputs      snapshots: bronze products, one row per product and held day, with utc_date DATE from its partition.
-- Parameters  $held_days DATE[]: the days of products that the lake holds, days without a row included.
-- Columns     product_id    VARCHAR
--             product_name  VARCHAR
--             price         DECIMAL(18,4)  USD per unit
--             valid_from    DATE           first day, inclusive
--             valid_to      DATE           first held day without it or with other values, exclusive; NULL while open
-- Order       product_id, valid_from

WITH held AS (
    SELECT day, row_number() OVER days AS nth, lead(day) OVER days AS next_day
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    WINDOW days AS (ORDER BY day)
),

attributes AS (
    SELECT product_id, product_name, CAST(price AS DECIMAL(18, 4)) AS price, day, nth, next_day
    FROM snapshots
    JOIN held ON held.day = snapshots.utc_date
),

-- Held days are numbered without gaps, so a day that the lake does not hold does not end a run. Within a run of equal
-- rows on consecutive held days, the day's number and the row's number grow alike, so their difference is constant.
runs AS (
    SELECT *, nth - row_number() OVER (PARTITION BY product_id, product_name, price ORDER BY nth) AS run
    FROM attributes
)

SELECT
    product_id,
    product_name,
    price,
    min(day) AS valid_from,
    arg_max_null(next_day, nth) AS valid_to
FROM runs
GROUP BY product_id, product_name, price, run
ORDER BY product_id, valid_from
