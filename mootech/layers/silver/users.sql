-- Silver users: from daily snapshots to validity ranges (slowly changing dimension, type 2).
--
-- Grain       account and range of days on which the snapshots said the same about it.
-- Inputs      snapshots: bronze users, one row per account and held day, with utc_date DATE from its partition.
-- Parameters  $held_days DATE[]: the days of users that the lake holds, days without a row included.
-- Columns     account_id  VARCHAR
--             email       VARCHAR
--             first_time  TIMESTAMP  UTC
--             valid_from  DATE       first day, inclusive
--             valid_to    DATE       first held day without it or with other values, exclusive; NULL while open
-- Order       account_id, valid_from

WITH held AS (
    SELECT day, row_number() OVER days AS nth, lead(day) OVER days AS next_day
    FROM (SELECT DISTINCT unnest(CAST($held_days AS DATE[])) AS day)
    WINDOW days AS (ORDER BY day)
),

attributes AS (
    SELECT account_id, email, make_timestamp(first_time_time_stamp * 1000000) AS first_time, day, nth, next_day
    FROM snapshots
    JOIN held ON held.day = snapshots.utc_date
),

-- Held days are numbered without gaps, so a day that the lake does not hold does not end a run. Within a run of equal
-- rows on consecutive held days, the day's number and the row's number grow alike, so their difference is constant.
runs AS (
    SELECT *, nth - row_number() OVER (PARTITION BY account_id, email, first_time ORDER BY nth) AS run
    FROM attributes
)

SELECT
    account_id,
    email,
    first_time,
    min(day) AS valid_from,
    arg_max_null(next_day, nth) AS valid_to
FROM runs
GROUP BY account_id, email, first_time, run
ORDER BY account_id, valid_from
