-- Sales: one row per product and month, month over month.
--
-- Grain       product and calendar month (UTC), from the product's first to its last month with a counted unit,
--             the months without sales between them included.
-- Inputs      transactions: silver, one row per order, with utc_date DATE from its partition.
--             products: silver, one row per product and validity range.
-- Parameters  $product_ids VARCHAR[]: the products to report.
--             $held_days DATE[]: the days of transactions that the lake holds, days without a row included.
-- Columns     transaction_year       INTEGER        calendar year
--             transaction_month      INTEGER        1 to 12
--             total_items_sold       BIGINT         net units: purchased minus returned
--             total_sale             DECIMAL(18,2)  USD: net units at the price in force on their day
--             percentage_difference  BIGINT         %, symmetric: (cur - prev) / ((cur + prev) / 2), NULL if cur + prev <= 0
--             month                  DATE           its first day
--             product_id             VARCHAR
--             product_name           VARCHAR        the latest
--             units_purchased        BIGINT         units bought in the month, those returned since included
--             units_returned         BIGINT         units it loses to returns, whenever these happened
--             previous_month_sale    DECIMAL(18,2)  USD, NULL in the first month
--             sale_change            DECIMAL(18,2)  USD: total_sale minus previous_month_sale
--             growth_pct             DECIMAL(18,2)  %: (cur - prev) / prev, NULL if prev <= 0
--             is_partial             BOOLEAN        the lake does not hold every day of the month
-- Key         product_id, month
-- Objects     one per product, product_id: Sales of {product}, month over month
-- Figures     total_items_sold, total_sale, units_purchased, units_returned
-- Chart       bar month total_sale

WITH sold AS (
    SELECT * FROM sold_by_month($product_ids)
),

names AS (
    SELECT product_id, arg_max(product_name, valid_from) AS product_name
    FROM products
    GROUP BY product_id
),

calendar AS (
    SELECT product_id, unnest(CAST(generate_series(min(month), max(month), INTERVAL 1 MONTH) AS DATE[])) AS month
    FROM sold
    GROUP BY product_id
),

held AS (
    SELECT date_trunc('month', day) AS month, count(*) AS days
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    GROUP BY ALL
),

months AS (
    SELECT
        calendar.product_id,
        calendar.month,
        coalesce(sold.purchased, 0) AS purchased,
        coalesce(sold.returned, 0) AS returned,
        coalesce(sold.sale, 0) AS sale,
        lag(coalesce(sold.sale, 0)) OVER (PARTITION BY calendar.product_id ORDER BY calendar.month) AS previous,
        coalesce(held.days, 0) < day(last_day(calendar.month)) AS is_partial
    FROM calendar
    LEFT JOIN sold ON sold.product_id = calendar.product_id AND sold.month = calendar.month
    LEFT JOIN held ON held.month = calendar.month
),

-- In whole cents, because dividing DECIMALs goes through floating point. n // d on integers is exact.
cents AS (
    SELECT
        *,
        CAST((sale - previous) * 100 AS HUGEINT) AS change,
        CAST((sale + previous) * 100 AS HUGEINT) AS total,
        CAST(previous * 100 AS HUGEINT) AS base
    FROM months
)

SELECT
    CAST(year(month) AS INTEGER) AS transaction_year,
    CAST(month(month) AS INTEGER) AS transaction_month,
    CAST(purchased - returned AS BIGINT) AS total_items_sold,
    CAST(sale AS DECIMAL(18, 2)) AS total_sale,
    -- 200 * change / total. // truncates, so adding half of the divisor first rounds half away from zero.
    CASE WHEN total > 0 THEN CAST(CASE WHEN change < 0 THEN -1 ELSE 1 END * ((400 * abs(change) + total) // (2 * total)) AS BIGINT) END
        AS percentage_difference,
    month,
    product_id,
    product_name,
    CAST(purchased AS BIGINT) AS units_purchased,
    CAST(returned AS BIGINT) AS units_returned,
    CAST(previous AS DECIMAL(18, 2)) AS previous_month_sale,
    CAST(sale - previous AS DECIMAL(18, 2)) AS sale_change,
    -- 10000 * change / base hundredths of a per cent, rounded likewise.
    CASE WHEN base > 0
        THEN CAST(CAST(CASE WHEN change < 0 THEN -1 ELSE 1 END * ((20000 * abs(change) + base) // (2 * base)) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2))
    END AS growth_pct,
    is_partial
FROM cents
JOIN names USING (product_id)
ORDER BY product_id, month
