-- Funnel: visits that come from the home page to a product, the cart, the checkout and a purchase, month over month.
--
-- A visit reaches a step when its hits hold the pages of all steps up to it, one after the other: each on a later hit
-- than the one before, whatever lies between. Hits are in order of hit_time, then hit_id. A page is a step's when its
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
-- Columns     month           DATE           first day of the month (UTC) in which the visit started, by visit_start_time
--             campaign        VARCHAR        that of the visit's first hit; '(none)' for NULL or an empty one
--             step            INTEGER        1 to 5
--             step_name       VARCHAR        home, product, cart, checkout or purchase
--             visits          BIGINT         visits that reached the step
--             conversion_pct  DECIMAL(18,2)  %: of the visits that reached step 1, NULL if none did
--             dropout_pct     DECIMAL(18,2)  %: of the visits that reached the step before, those lost; NULL in step 1 and if none did
--             is_partial      BOOLEAN        the lake does not hold every day of the month
-- Key         month, campaign, step
-- Chart       line month visits by step_name
-- Source      A closed funnel, as fallout analysis in web analytics has it: who enters later than at step 1 is not counted.

-- A bit for each step that the page is one of: the lowest for step 1.
WITH hits AS (
    SELECT
        visit_id,
        visit_start_time,
        hit_time,
        hit_id,
        coalesce(nullif(campaign, ''), '(none)') AS campaign,
        CASE WHEN pagename = $home OR starts_with(pagename, $home || ':') THEN 1 ELSE 0 END
            + CASE WHEN pagename = $product OR starts_with(pagename, $product || ':') THEN 2 ELSE 0 END
            + CASE WHEN pagename = $cart OR starts_with(pagename, $cart || ':') THEN 4 ELSE 0 END
            + CASE WHEN pagename = $checkout OR starts_with(pagename, $checkout || ':') THEN 8 ELSE 0 END
            + CASE WHEN pagename = $purchase OR starts_with(pagename, $purchase || ':') THEN 16 ELSE 0 END AS marks
    FROM clickstream
),

-- A visit's hits in their order, which the first two fields say; no two hits have one hit_id.
paths AS (
    SELECT
        CAST(date_trunc('month', min(visit_start_time)) AS DATE) AS month,
        list_sort(list({'hit_time': hit_time, 'hit_id': hit_id, 'campaign': campaign, 'marks': marks})) AS path
    FROM hits
    GROUP BY visit_id
),

-- From hit to hit a visit gets one step further where the page is the next step's. To take the first hit that will do
-- leaves most hits for the steps that follow, so that no other choice comes further.
visits AS (
    SELECT
        month,
        path[1].campaign AS campaign,
        list_reduce(
            list_transform(path, lambda hit: hit.marks), lambda reached, marks: reached + ((marks >> reached) & 1), 0
        ) AS reached
    FROM paths
),

steps AS (
    SELECT *
    FROM (VALUES (1, 'home'), (2, 'product'), (3, 'cart'), (4, 'checkout'), (5, 'purchase')) AS names (step, step_name)
),

groups AS (
    SELECT month, campaign, reached, count(*) AS visits
    FROM visits
    GROUP BY month, campaign, reached
),

counted AS (
    SELECT
        groups.month,
        groups.campaign,
        steps.step,
        steps.step_name,
        coalesce(sum(groups.visits) FILTER (WHERE groups.reached >= steps.step), 0) AS visits
    FROM groups
    CROSS JOIN steps
    GROUP BY ALL
),

held AS (
    SELECT date_trunc('month', day) AS month, count(*) AS days
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    GROUP BY ALL
),

funnel AS (
    SELECT
        counted.*,
        first_value(counted.visits) OVER way AS entered,
        lag(counted.visits) OVER way AS previous,
        coalesce(held.days, 0) < day(last_day(counted.month)) AS is_partial
    FROM counted
    LEFT JOIN held ON held.month = counted.month
    WINDOW way AS (PARTITION BY counted.month, counted.campaign ORDER BY counted.step)
)

SELECT
    month,
    campaign,
    CAST(step AS INTEGER) AS step,
    step_name,
    CAST(visits AS BIGINT) AS visits,
    -- Hundredths of a per cent on integers, because dividing DECIMALs goes through floating point: half of the divisor
    -- more before // cuts off rounds half away from zero.
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
