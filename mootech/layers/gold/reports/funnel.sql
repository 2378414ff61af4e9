-- Funnel: visits that come from the home page to a product, the cart, the checkout and a purchase, month over month.
--
-- A visit reaches a step when its hits hold the pages of all steps up to it, in their order: each on a later hit than
-- the page before it. Other hits may lie between. Hits are in order of hit_time, then hit_id. A page is a step's when its
-- pagename is the step's parameter, or begins with it and a colon, as 'product:tumbler' does.
--
-- Grain       month, campaign and step; a month and campaign with a visit has all five steps.
-- Inputs      clickstream: silver, one row per hit.
-- Parameters  $home VARCHAR = 'home': pagename of step 1
--             $product VARCHAR = 'product': pagename of step 2
--             $cart VARCHAR = 'cart': pagename of step 3
--             $checkout VARCHAR = 'checkout': pagename of step 4
--             $purchase VARCHAR = 'purchase': pagename of step 5
--             $held_days DATE[]: the days of clickstream that the lake holds, days without a row included.
-- Columns     month           DATE           first day of the month (UTC) of visit_start_time
--             campaign        VARCHAR        that of the visit's first hit; '(none)' for NULL or an empty one
--             step            INTEGER        1 to 5
--             step_name       VARCHAR        home, product, cart, checkout or purchase
--             visits          BIGINT         visits that reached the step
--             conversion_pct  DECIMAL(18,2)  %: of the visits that reached step 1; NULL if none did
--             dropout_pct     DECIMAL(18,2)  %: lost since the step before; NULL in step 1 and if none reached that
--             is_partial      BOOLEAN        the lake does not hold every day of the month
-- Key         month, campaign, step
-- Chart       line month visits by step_name
-- Source      A closed funnel of web analytics: a visit that enters after step 1 is not counted.

-- One sort, in a window. Lists of a visit's hits would have to fit into memory; a sort need not.
WITH hits AS (
    SELECT
        visit_id,
        visit_start_time,
        pagename,
        coalesce(nullif(campaign, ''), '(none)') AS campaign,
        row_number() OVER (PARTITION BY visit_id ORDER BY hit_time, hit_id) AS place
    FROM clickstream
),

visits AS (
    SELECT visit_id, CAST(date_trunc('month', visit_start_time) AS DATE) AS month, campaign
    FROM hits
    WHERE place = 1
),

-- The earliest hit of a step leaves the most hits for the steps that follow.
home AS (
    SELECT visit_id, min(place) AS place
    FROM hits
    WHERE pagename = $home OR starts_with(pagename, $home || ':')
    GROUP BY visit_id
),

product AS (
    SELECT hits.visit_id, min(hits.place) AS place
    FROM hits
    JOIN home ON home.visit_id = hits.visit_id AND home.place < hits.place
    WHERE hits.pagename = $product OR starts_with(hits.pagename, $product || ':')
    GROUP BY hits.visit_id
),

cart AS (
    SELECT hits.visit_id, min(hits.place) AS place
    FROM hits
    JOIN product ON product.visit_id = hits.visit_id AND product.place < hits.place
    WHERE hits.pagename = $cart OR starts_with(hits.pagename, $cart || ':')
    GROUP BY hits.visit_id
),

checkout AS (
    SELECT hits.visit_id, min(hits.place) AS place
    FROM hits
    JOIN cart ON cart.visit_id = hits.visit_id AND cart.place < hits.place
    WHERE hits.pagename = $checkout OR starts_with(hits.pagename, $checkout || ':')
    GROUP BY hits.visit_id
),

purchase AS (
    SELECT hits.visit_id, min(hits.place) AS place
    FROM hits
    JOIN checkout ON checkout.visit_id = hits.visit_id AND checkout.place < hits.place
    WHERE hits.pagename = $purchase OR starts_with(hits.pagename, $purchase || ':')
    GROUP BY hits.visit_id
),

reached AS (
    SELECT 1 AS step, visit_id FROM home
    UNION ALL
    SELECT 2, visit_id FROM product
    UNION ALL
    SELECT 3, visit_id FROM cart
    UNION ALL
    SELECT 4, visit_id FROM checkout
    UNION ALL
    SELECT 5, visit_id FROM purchase
),

counted AS (
    SELECT visits.month, visits.campaign, reached.step, count(*) AS visits
    FROM reached
    JOIN visits USING (visit_id)
    GROUP BY visits.month, visits.campaign, reached.step
),

steps AS (
    SELECT *
    FROM (VALUES (1, 'home'), (2, 'product'), (3, 'cart'), (4, 'checkout'), (5, 'purchase')) AS names (step, step_name)
),

held AS (
    SELECT date_trunc('month', day) AS month, count(*) AS days
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    GROUP BY ALL
),

funnel AS (
    SELECT
        groups.month,
        groups.campaign,
        steps.step,
        steps.step_name,
        coalesce(counted.visits, 0) AS visits,
        first_value(coalesce(counted.visits, 0)) OVER way AS entered,
        lag(coalesce(counted.visits, 0)) OVER way AS previous,
        coalesce(held.days, 0) < day(last_day(groups.month)) AS is_partial
    FROM (SELECT DISTINCT month, campaign FROM visits) AS groups
    CROSS JOIN steps
    LEFT JOIN counted
        ON counted.month = groups.month AND counted.campaign = groups.campaign AND counted.step = steps.step
    LEFT JOIN held ON held.month = groups.month
    WINDOW way AS (PARTITION BY groups.month, groups.campaign ORDER BY steps.step)
)

SELECT
    month,
    campaign,
    CAST(step AS INTEGER) AS step,
    step_name,
    CAST(visits AS BIGINT) AS visits,
    -- In whole hundredths of a per cent, because dividing DECIMALs goes through floating point. // truncates, so adding
    -- half of the divisor first rounds half away from zero.
    CASE WHEN entered > 0
        THEN CAST(CAST((20000 * visits + entered) // (2 * entered) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2))
    END AS conversion_pct,
    CASE WHEN previous > 0
        THEN CAST(
            CAST((20000 * (previous - visits) + previous) // (2 * previous) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)
        )
    END AS dropout_pct,
    is_partial
FROM funnel
ORDER BY month, campaign, step
