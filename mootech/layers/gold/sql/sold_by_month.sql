-- Units sold by product and month, net of returns. The reports of sales share this.
--
-- Its rules are those of the sales report, docs/reports.md. It reads the views transactions and products of silver.
--
-- Parameters  product_ids VARCHAR[]: the products that count; NULL for all.
-- Columns     product_id VARCHAR, month TIMESTAMP (its first day), purchased, returned HUGEINT (units), sale DECIMAL (USD,
--             two places). A product that no snapshot names has no price, and is not there.

CREATE OR REPLACE TEMP MACRO sold_by_month(product_ids) AS TABLE
-- Of one product, orders without it are dropped before their items are unnested. Of several products nearly every
-- order has one, so the check would save nothing.
WITH units AS (
    SELECT email, "timestamp", transaction_type, utc_date, unnest(items) AS product_id
    FROM transactions
    WHERE
        product_ids IS NULL
        OR array_length(CAST(product_ids AS VARCHAR[])) > 1
        OR list_contains(items, CAST(product_ids AS VARCHAR[])[1])
),

-- One row per unit bought (+1) or returned (-1).
moves AS (
    SELECT
        product_id,
        lower(trim(email, ' ')) AS customer,
        "timestamp",
        utc_date,
        CASE transaction_type WHEN 'purchase' THEN 1 ELSE -1 END AS step
    FROM units
    WHERE product_ids IS NULL OR list_contains(CAST(product_ids AS VARCHAR[]), product_id)
),

-- Only purchases of customers who returned the product have to be matched, and such customers are few.
returners AS (
    SELECT DISTINCT product_id, customer
    FROM moves
    WHERE step = -1
),

-- With the customer's balance after each unit. Units of equal time and kind, of one order or of several, count in the
-- same month at the same price, so their order does not matter.
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
-- Units of equal time and kind are ordered by their balance, so that both windows see the order of the sum.
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

-- The price in force is that of the latest snapshot, also for a product that was delisted since. Before the first
-- snapshot it is the earliest price.
prices AS (
    SELECT
        product_id,
        price,
        CASE WHEN row_number() OVER ranges > 1 THEN valid_from ELSE DATE '0001-01-01' END AS since,
        lead(valid_from, 1, DATE '9999-12-31') OVER ranges AS until
    FROM products
    WINDOW ranges AS (PARTITION BY product_id ORDER BY valid_from)
)

SELECT
    days.product_id,
    date_trunc('month', days.day) AS month,
    sum(days.purchased) AS purchased,
    sum(days.returned) AS returned,
    round(sum((days.purchased - days.returned) * prices.price), 2) AS sale
FROM days
JOIN prices ON prices.product_id = days.product_id AND days.day >= prices.since AND days.day < prices.until
GROUP BY ALL
