-- Products: all products side by side, by units, returns and sale, month over month.
--
-- Units and sale are those of the sales report, by its rules: a return cancels the customer's latest purchase of the
-- product, in that purchase's month, and a unit is worth the price in force on the day that it counts on.
--
-- Grain       month (UTC) and product, each from its first to its last month with a counted unit, the months without
--             sales between them included. A product that no snapshot names has no price, and is not there.
-- Inputs      transactions: silver, one row per order, with utc_date DATE from its partition.
--             products: silver, one row per product and validity range.
-- Parameters  $held_days DATE[]: the days of transactions that the lake holds, days without a row included.
-- Columns     month             DATE           its first day
--             product_id        VARCHAR
--             product_name      VARCHAR        the latest
--             units_purchased   BIGINT         units bought in the month, those returned since included
--             units_returned    BIGINT         units it loses to returns, whenever these happened
--             units_sold        BIGINT         net units: purchased minus returned
--             sale              DECIMAL(18,2)  USD: net units at the price in force on their day
--             returns_rate_pct  DECIMAL(18,2)  %: units_returned of units_purchased, NULL if none was purchased
--             rank              INTEGER        place among the month's products by sale, then product_id; 1 sells best
--             previous_rank     INTEGER        rank in the month before, NULL in the product's first month
--             rank_change       INTEGER        places gained: previous_rank minus rank, NULL likewise
--             is_partial        BOOLEAN        the lake does not hold every day of the month
-- Key         month, product_id
-- Chart       stacked month sale by product_name
-- Source      The sales report, docs/reports.md.

WITH sold AS (
    SELECT * FROM sold_by_month(NULL)
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

ranked AS (
    SELECT
        calendar.month,
        calendar.product_id,
        coalesce(sold.purchased, 0) AS purchased,
        coalesce(sold.returned, 0) AS returned,
        coalesce(sold.sale, 0) AS sale,
        row_number() OVER (
            PARTITION BY calendar.month ORDER BY coalesce(sold.sale, 0) DESC, calendar.product_id
        ) AS place,
        coalesce(held.days, 0) < day(last_day(calendar.month)) AS is_partial
    FROM calendar
    LEFT JOIN sold ON sold.product_id = calendar.product_id AND sold.month = calendar.month
    LEFT JOIN held ON held.month = calendar.month
),

-- A product's months have no gap, so lag() is the month before.
compared AS (
    SELECT *, lag(place) OVER (PARTITION BY product_id ORDER BY month) AS previous_place
    FROM ranked
)

SELECT
    month,
    product_id,
    product_name,
    CAST(purchased AS BIGINT) AS units_purchased,
    CAST(returned AS BIGINT) AS units_returned,
    CAST(purchased - returned AS BIGINT) AS units_sold,
    CAST(sale AS DECIMAL(18, 2)) AS sale,
    -- In whole hundredths of a per cent, because dividing DECIMALs goes through floating point. // truncates, so adding
    -- half of the divisor first rounds half away from zero.
    CASE WHEN purchased > 0
        THEN CAST(CAST((20000 * returned + purchased) // (2 * purchased) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2))
    END AS returns_rate_pct,
    CAST(place AS INTEGER) AS rank,
    CAST(previous_place AS INTEGER) AS previous_rank,
    CAST(previous_place - place AS INTEGER) AS rank_change,
    is_partial
FROM compared
JOIN names USING (product_id)
ORDER BY month, product_id
