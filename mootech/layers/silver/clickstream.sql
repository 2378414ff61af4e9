-- Silver clickstream: bronze with joined identifiers, timestamps and parsed lists.
--
-- A part of event_list or product_list that does not have its type becomes NULL; the row is kept. Spaces around an
-- entry or a part do not count.
--
-- Grain       hit.
-- Inputs      bronze: clickstream, one row per hit, with utc_date DATE from its partition.
-- Columns     utc_date          DATE       UTC day of the partition
--             hit_id            VARCHAR    hitid_high-hitid_low
--             visitor_id        VARCHAR    visid_high-visid_low
--             visit_id          VARCHAR    visitor_id and the Unix seconds of the visit's start
--             hit_time          TIMESTAMP  UTC, like the next three columns
--             cust_hit_time     TIMESTAMP
--             first_hit_time    TIMESTAMP
--             visit_start_time  TIMESTAMP
--             campaign          VARCHAR    as delivered, like currency, os, pagename and page_url
--             events            INTEGER[]  numbers of event_list; a value after an equals sign is left out
--             products          STRUCT(category VARCHAR, product_id VARCHAR, quantity BIGINT, price DECIMAL(18,4))[]
--             cust_visid        VARCHAR    as delivered, like evar1 to evar6
--             extra             VARCHAR    the row's undeclared fields as a JSON object
-- Order       none: the rows are sorted by hit_time and hit_id when they are published.

WITH lists AS (
    SELECT
        *,
        list_filter(
            list_transform(string_split(event_list, ','), lambda entry: trim(entry, ' ')), lambda entry: entry <> ''
        ) AS event_entries,
        -- An entry is category;product;quantity;price. Anything after the price is left out.
        list_transform(
            list_filter(string_split(product_list, ','), lambda entry: trim(entry, ' ') <> ''),
            lambda entry: list_transform(string_split(entry, ';'), lambda part: nullif(trim(part, ' '), ''))
        ) AS product_entries
    FROM bronze
)

SELECT
    utc_date,
    hitid_high || '-' || hitid_low AS hit_id,
    visid_high || '-' || visid_low AS visitor_id,
    visid_high || '-' || visid_low || '-' || CAST(visit_start_time_gmt AS VARCHAR) AS visit_id,
    make_timestamp(hit_time_gmt * 1000000) AS hit_time,
    make_timestamp(cust_hit_time_gmt * 1000000) AS cust_hit_time,
    make_timestamp(first_hit_time_gmt * 1000000) AS first_hit_time,
    make_timestamp(visit_start_time_gmt * 1000000) AS visit_start_time,
    campaign,
    currency,
    os,
    pagename,
    page_url,
    list_transform(
        event_entries, lambda entry: TRY_CAST(regexp_extract(entry, '^([0-9]+) *(=|\z)', 1) AS INTEGER)
    ) AS events,
    -- Only plain numbers are cast, because engines differ in which other texts they accept.
    list_transform(
        product_entries,
        lambda parts: {
            'category': parts[1],
            'product_id': parts[2],
            'quantity': CASE WHEN regexp_matches(parts[3], '^[+-]?[0-9]+\z') THEN TRY_CAST(parts[3] AS BIGINT) END,
            'price': CASE WHEN regexp_matches(parts[4], '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)\z')
                THEN TRY_CAST(parts[4] AS DECIMAL(18, 4))
            END
        }
    ) AS products,
    cust_visid,
    evar1,
    evar2,
    evar3,
    evar4,
    evar5,
    evar6,
    extra
FROM lists
