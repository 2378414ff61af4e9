-- Retention: of the customers who bought for the first time in a month, how many buy again in the months after it.
--
-- Grain       cohort and month, from the cohort's own month to the last month with a purchase in the lake, months in
--             which nobody of the cohort bought included. A month without a new customer has no cohort.
-- Inputs      transactions: silver, the purchases, with utc_date DATE from their partition.
-- Parameters  $held_days DATE[]: the days of transactions that the lake holds, days without a row included.
-- Columns     cohort_month   DATE           first day of the month (UTC) of the customers' first purchase in the lake
--             months_since   INTEGER        months from cohort_month to month, from 0
--             month          DATE           first day of the month that is looked at
--             customers      BIGINT         customers of the cohort: emails without surrounding spaces, in lower case
--             active         BIGINT         those of them who purchased in month, whether or not it was returned
--             retention_pct  DECIMAL(18,2)  %: active of customers
--             is_partial     BOOLEAN        the lake does not hold every day of month
-- Key         cohort_month, month
-- Chart       heat months_since retention_pct by cohort_month
-- Source      Cohort analysis by month of first purchase, a standard technique of customer analytics.

WITH purchases AS (
    SELECT DISTINCT lower(trim(email, ' ')) AS customer, CAST(date_trunc('month', utc_date) AS DATE) AS month
    FROM transactions
    WHERE transaction_type = 'purchase'
),

customers AS (
    SELECT customer, min(month) AS cohort_month
    FROM purchases
    GROUP BY customer
),

cohorts AS (
    SELECT cohort_month, count(*) AS customers
    FROM customers
    GROUP BY cohort_month
),

active AS (
    SELECT customers.cohort_month, purchases.month, count(*) AS active
    FROM purchases
    JOIN customers USING (customer)
    GROUP BY customers.cohort_month, purchases.month
),

calendar AS (
    SELECT
        cohort_month,
        customers,
        unnest(CAST(generate_series(cohort_month, last_month, INTERVAL 1 MONTH) AS DATE[])) AS month
    FROM cohorts
    CROSS JOIN (SELECT max(month) AS last_month FROM purchases) AS purchased
),

held AS (
    SELECT date_trunc('month', day) AS month, count(*) AS days
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    GROUP BY ALL
)

SELECT
    calendar.cohort_month,
    CAST(date_diff('month', calendar.cohort_month, calendar.month) AS INTEGER) AS months_since,
    calendar.month,
    CAST(calendar.customers AS BIGINT) AS customers,
    CAST(coalesce(active.active, 0) AS BIGINT) AS active,
    -- In whole hundredths of a per cent, because dividing DECIMALs goes through floating point. // truncates, so adding
    -- half of the divisor first rounds half away from zero.
    CAST(
        CAST(
            (20000 * coalesce(active.active, 0) + calendar.customers) // (2 * calendar.customers) AS DECIMAL(18, 0)
        ) * 0.01 AS DECIMAL(18, 2)
    ) AS retention_pct,
    coalesce(held.days, 0) < day(last_day(calendar.month)) AS is_partial
FROM calendar
LEFT JOIN active ON active.cohort_month = calendar.cohort_month AND active.month = calendar.month
LEFT JOIN held ON held.month = calendar.month
ORDER BY calendar.cohort_month, months_since
