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
-- Figures     total_items_sold, total_sale, units_purchased, units_returned
-- Chart       bar month total_sale

-- Orders without the product go before their items are unnested; of several products nearly every order has one.
WITH units AS (
    SELECT email, "timestamp", transaction_type, utc_date, unnest(items) AS product_id
    FROM transactions
    WHERE len(CAST($product_ids AS VARCHAR[])) > 1 OR list_contains(items, CAST($product_ids AS VARCHAR[])[1])
),

-- One row per unit bought (+1) or returned (-1).
moves AS (
    SELECT
        product_id,
        lower(trim(email)) AS customer,
        "timestamp",
        utc_date,
        CASE transaction_type WHEN 'purchase' THEN 1 ELSE -1 END AS step
    FROM units
    WHERE product_id IN (SELECT unnest(CAST($product_ids AS VARCHAR[])))
),

-- Only of customers who returned the product something has to be matched, and they are few.
returners AS (
    SELECT DISTINCT product_id, customer
    FROM moves
    WHERE step = -1
),

-- With the customer's balance after each unit. Units alike in time and kind, of one order or of several, count in the
-- same month at the same price: which of them goes first does not show.
events AS (
    SELECT
        *,
        sum(step) OVER (
            PARTITION BY product_id, customer ORDER BY "timestamp", step DESC ROWS UNBOUNDED PRECEDING
        ) AS balance
    FROM moves
    SEMI JOIN returners USING (product_id, customer)
),

-- Last in, first out, as with brackets. A purchase is cancelled when the balance later falls below the one it left;
-- a return finds no purchase when it takes the balance below zero and below all before it.
-- Units alike follow each other by their balance, so that both windows see the order in which it was summed.
matched AS (
    SELECT
        product_id,
        utc_date,
        step,
        coalesce(min(balance) OVER (history ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) < balance, false)
            AS is_undercut,
        balance < least(0, min(balance) OVER (history ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
            AS is_new_low
    FROM events
    WINDOW history AS (PARTITION BY product_id, customer ORDER BY "timestamp", step DESC, step * balance)
),

counted AS (
    SELECT product_id, utc_date, count(*) AS purchased, 0 AS returned
    FROM moves
    WHERE step = 1
    GROUP BY product_id, utc_date
    UNION ALL
    SELECT product_id, utc_date, 0, count(*)
    FROM matched
    WHERE (step = 1 AND is_undercut) OR (step = -1 AND is_new_low)
    GROUP BY product_id, utc_date
),

days AS (
    SELECT product_id, utc_date AS day, sum(purchased) AS purchased, sum(returned) AS returned
    FROM counted
    GROUP BY product_id, utc_date
),

-- The price in force is that of the latest snapshot, delisted since or not; before the first snapshot, the earliest.
prices AS (
    SELECT
        product_id,
        price,
        CASE WHEN row_number() OVER ranges > 1 THEN valid_from ELSE DATE '0001-01-01' END AS since,
        lead(valid_from, 1, DATE '9999-12-31') OVER ranges AS until
    FROM products
    WINDOW ranges AS (PARTITION BY product_id ORDER BY valid_from)
),

names AS (
    SELECT product_id, arg_max(product_name, valid_from) AS product_name
    FROM products
    GROUP BY product_id
),

sold AS (
    SELECT
        days.product_id,
        date_trunc('month', days.day) AS month,
        sum(days.purchased) AS purchased,
        sum(days.returned) AS returned,
        round(sum((days.purchased - days.returned) * prices.price), 2) AS sale
    FROM days
    JOIN prices ON prices.product_id = days.product_id AND days.day >= prices.since AND days.day < prices.until
    GROUP BY ALL
),

calendar AS (
    SELECT product_id, CAST(unnest(generate_series(min(month), max(month), INTERVAL 1 MONTH)) AS DATE) AS month
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

-- Whole cents, because dividing DECIMALs goes through floating point: n // d on integers rounds exactly.
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
    -- 200 * change / total, and half of the divisor more before // cuts off: half away from zero.
    CASE WHEN total > 0 THEN CAST(sign(change) * ((400 * abs(change) + total) // (2 * total)) AS BIGINT) END
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
        THEN CAST(CAST(sign(change) * ((20000 * abs(change) + base) // (2 * base)) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2))
    END AS growth_pct,
    is_partial
FROM cents
JOIN names USING (product_id)
ORDER BY product_id, month
