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

WITH units AS (
    SELECT email, "timestamp", transaction_type, utc_date, unnest(items) AS product_id
    FROM transactions
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

-- A product's months follow each other without a gap.
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
    -- Hundredths of a per cent on integers, because dividing DECIMALs goes through floating point: half of the divisor
    -- more before // cuts off rounds half away from zero.
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
