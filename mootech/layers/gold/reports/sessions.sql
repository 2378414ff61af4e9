-- Sessions: how many visits there are, how long they last and how many bounce, month over month.
--
-- Grain       month and campaign; what nobody had a visit of is not there.
-- Inputs      clickstream: silver, one row per hit.
-- Parameters  $held_days DATE[]: the days of clickstream that the lake holds, days without a row included.
-- Columns     month            DATE           first day of the month (UTC) of visit_start_time
--             campaign         VARCHAR        that of the visit's first hit; '(none)' for NULL or an empty one
--             visits           BIGINT         visits
--             hits             BIGINT         their hits, those after the month's end included
--             hits_per_visit   DECIMAL(18,2)  hits: the mean
--             average_seconds  DECIMAL(18,2)  seconds: the mean length, from the first to the last hit of a visit
--             median_seconds   DECIMAL(18,1)  seconds: the median length; the mean of the middle two of an even number
--             bounces          BIGINT         visits of a single hit; their length is 0
--             bounce_rate_pct  DECIMAL(18,2)  %: of the visits, those that bounced
--             is_partial       BOOLEAN        the lake does not hold every day of the month
-- Key         month, campaign
-- Chart       line month visits by campaign
-- Source      A bounce is a visit of a single hit, as in Adobe Analytics.

-- Silver's times are whole seconds, so that a length is as well.
WITH visits AS (
    SELECT
        CAST(date_trunc('month', min(visit_start_time)) AS DATE) AS month,
        arg_min(coalesce(nullif(campaign, ''), '(none)'), (hit_time, hit_id)) AS campaign,
        count(*) AS hits,
        date_diff('second', min(hit_time), max(hit_time)) AS seconds
    FROM clickstream
    GROUP BY visit_id
),

-- A median of whole numbers is one too or lies half way between two: a DOUBLE holds it exactly.
months AS (
    SELECT
        month,
        campaign,
        count(*) AS visits,
        sum(hits) AS hits,
        sum(seconds) AS seconds,
        median(seconds) AS median_seconds,
        count(*) FILTER (WHERE hits = 1) AS bounces
    FROM visits
    GROUP BY month, campaign
),

held AS (
    SELECT date_trunc('month', day) AS month, count(*) AS days
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    GROUP BY ALL
)

-- Hundredths on integers, because dividing DECIMALs goes through floating point: half of the divisor more before //
-- cuts off rounds half away from zero.
SELECT
    months.month,
    months.campaign,
    CAST(months.visits AS BIGINT) AS visits,
    CAST(months.hits AS BIGINT) AS hits,
    CAST(
        CAST((200 * months.hits + months.visits) // (2 * months.visits) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)
    ) AS hits_per_visit,
    CAST(
        CAST((200 * months.seconds + months.visits) // (2 * months.visits) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)
    ) AS average_seconds,
    CAST(months.median_seconds AS DECIMAL(18, 1)) AS median_seconds,
    CAST(months.bounces AS BIGINT) AS bounces,
    CAST(
        CAST((20000 * months.bounces + months.visits) // (2 * months.visits) AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)
    ) AS bounce_rate_pct,
    coalesce(held.days, 0) < day(last_day(months.month)) AS is_partial
FROM months
LEFT JOIN held ON held.month = months.month
ORDER BY months.month, months.campaign
