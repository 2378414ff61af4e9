-- Revenue: net sales of all products, and how much of their change is volume, price and mix, month over month.
--
-- Units and sale of a product are those of the sales report; a month's are their sums. In the month before, q0 units of
-- a product brought s0, and Q0 units of all products S0; in this month q1, s1, Q1 and S1. Then
--   volume  (Q1 - Q0) * S0 / Q0: as many units more, each at the average price of the month before; rounded to cents;
--   price   s1 - q1 * s0 / q0 of each product with net units above zero in both months, rounded to cents, and added up:
--           what its units bring more than they would have at its average price of the month before;
--   mix     the rest of the change: dearer products in place of cheaper ones, new ones and those no longer sold.
-- Rounding is half away from zero. The three add up to the change, to the cent.
--
-- Grain       month (UTC), from the first to the last with a counted unit, the months without sales between them
--             included. A product that no snapshot names has no price, and is not counted.
-- Inputs      transactions: silver, one row per order, with utc_date DATE from its partition.
--             products: silver, one row per product and validity range.
-- Parameters  $held_days DATE[]: the days of transactions that the lake holds, days without a row included.
-- Columns     month          DATE           its first day
--             units          BIGINT         net units: purchased minus returned
--             sale           DECIMAL(18,2)  USD: net units at the price in force on their day
--             previous_sale  DECIMAL(18,2)  USD: sale of the month before, NULL in the first month
--             change         DECIMAL(18,2)  USD: sale minus previous_sale, NULL in the first month
--             volume_effect  DECIMAL(18,2)  USD: see above; NULL if the month before had no units above zero
--             price_effect   DECIMAL(18,2)  USD: see above; NULL likewise
--             mix_effect     DECIMAL(18,2)  USD: change minus volume_effect minus price_effect; NULL likewise
--             is_partial     BOOLEAN        the lake does not hold every day of the month
-- Key         month
-- Chart       bar month sale
-- Source      Price-volume-mix analysis of controlling: the sales price, sales quantity and sales mix variances of cost
--             accounting (Horngren, Datar, Rajan: Cost Accounting), with the month before in place of the budget.

WITH sold AS (
    SELECT * FROM sold_by_month(NULL)
),

-- In whole cents, because dividing DECIMALs goes through floating point. n // d on integers is exact.
cents AS (
    SELECT
        product_id,
        CAST(month AS DATE) AS month,
        CAST(purchased - returned AS HUGEINT) AS units,
        CAST(sale * 100 AS HUGEINT) AS sale
    FROM sold
),

-- In cents, times the units of the month before.
gains AS (
    SELECT this.month, before.units, this.sale * before.units - this.units * before.sale AS gain
    FROM cents AS this
    JOIN cents AS before ON before.product_id = this.product_id AND before.month = this.month - INTERVAL 1 MONTH
    WHERE this.units > 0 AND before.units > 0
),

-- (2 * abs(n) + d) // (2 * d), with the sign of n, is n / d, rounded half away from zero.
price_effects AS (
    SELECT month, sum(CASE WHEN gain < 0 THEN -1 ELSE 1 END * ((2 * abs(gain) + units) // (2 * units))) AS effect
    FROM gains
    GROUP BY month
),

totals AS (
    SELECT month, sum(units) AS units, sum(sale) AS sale
    FROM cents
    GROUP BY month
),

calendar AS (
    SELECT unnest(CAST(generate_series(min(month), max(month), INTERVAL 1 MONTH) AS DATE[])) AS month
    FROM totals
),

held AS (
    SELECT date_trunc('month', day) AS month, count(*) AS days
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    GROUP BY ALL
),

months AS (
    SELECT
        calendar.month,
        coalesce(totals.units, 0) AS units,
        coalesce(totals.sale, 0) AS sale,
        lag(coalesce(totals.units, 0)) OVER (ORDER BY calendar.month) AS previous_units,
        lag(coalesce(totals.sale, 0)) OVER (ORDER BY calendar.month) AS previous_sale,
        coalesce(price_effects.effect, 0) AS price,
        coalesce(held.days, 0) < day(last_day(calendar.month)) AS is_partial
    FROM calendar
    LEFT JOIN totals ON totals.month = calendar.month
    LEFT JOIN price_effects ON price_effects.month = calendar.month
    LEFT JOIN held ON held.month = calendar.month
),

effects AS (
    SELECT
        *,
        sale - previous_sale AS change,
        CASE WHEN previous_units > 0
            THEN CASE WHEN (units - previous_units) * previous_sale < 0 THEN -1 ELSE 1 END
                * ((2 * abs((units - previous_units) * previous_sale) + previous_units) // (2 * previous_units))
        END AS volume
    FROM months
)

SELECT
    month,
    CAST(units AS BIGINT) AS units,
    CAST(CAST(sale AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS sale,
    CAST(CAST(previous_sale AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS previous_sale,
    CAST(CAST(change AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS change,
    CAST(CAST(volume AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS volume_effect,
    CASE WHEN volume IS NOT NULL
        THEN CAST(CAST(price AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2))
    END AS price_effect,
    CAST(CAST(change - volume - price AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS mix_effect,
    is_partial
FROM effects
ORDER BY month
