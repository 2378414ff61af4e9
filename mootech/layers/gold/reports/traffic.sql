-- Traffic: hits, visits and visitors of each day.
--
-- Grain       UTC day, campaign and operating system; what nobody had a hit of is not there.
-- Inputs      clickstream: silver, one row per hit, with utc_date DATE from its partition.
-- Columns     day       DATE     UTC day of the hits
--             campaign  VARCHAR  as delivered; '(none)' for NULL or an empty one
--             os        VARCHAR  as delivered; '(none)' likewise
--             hits      BIGINT   hits
--             visits    BIGINT   different visits with a hit in this row; one with hits in two rows counts in both
--             visitors  BIGINT   different visitors, likewise
-- Key         day, campaign, os
-- Chart       line day hits by campaign
-- Source      Adobe Analytics: a visitor is visid_high and visid_low, a visit that and visit_start_time_gmt.

WITH hits AS (
    SELECT
        utc_date AS day,
        coalesce(nullif(campaign, ''), '(none)') AS campaign,
        coalesce(nullif(os, ''), '(none)') AS os,
        visit_id,
        visitor_id
    FROM clickstream
)

SELECT
    day,
    campaign,
    os,
    CAST(count(*) AS BIGINT) AS hits,
    CAST(count(DISTINCT visit_id) AS BIGINT) AS visits,
    CAST(count(DISTINCT visitor_id) AS BIGINT) AS visitors
FROM hits
GROUP BY day, campaign, os
ORDER BY day, campaign, os
