"""Translation to Spark: what sqlglot does not know of, and what a person's statement is refused for."""

import pytest

from mootech.engines.translate import TranslationError, check_reach, to_spark, type_on_spark
from mootech.layers.gold.statements import MACROS

MACRO = "CREATE MACRO sold(ids) AS TABLE SELECT * FROM orders WHERE ids IS NULL OR list_contains(ids, id)"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT $least", "SELECT :least"),
        (
            "SELECT parts[1], parts[-1], parts[n]",
            "SELECT TRY_ELEMENT_AT(parts, 1), TRY_ELEMENT_AT(parts, -1), TRY_ELEMENT_AT(parts, n)",
        ),
        ("SELECT parts[1][2]", "SELECT TRY_ELEMENT_AT(TRY_ELEMENT_AT(parts, 1), 2)"),
        ("SELECT make_timestamp(l[1])", "SELECT CAST(TIMESTAMP_MICROS(TRY_ELEMENT_AT(l, 1)) AS TIMESTAMP_NTZ)"),
        ("SELECT told['name']", "SELECT told['name']"),
        ("SELECT CAST(a AS HUGEINT)", "SELECT CAST(a AS DECIMAL(38, 0))"),
        ("SELECT arg_max_null(a, b)", "SELECT MAX_BY(a, b)"),
        ("SELECT make_timestamp(a)", "SELECT CAST(TIMESTAMP_MICROS(a) AS TIMESTAMP_NTZ)"),
        ("SELECT date_trunc('month', a)", "SELECT CAST(DATE_TRUNC('MONTH', a) AS TIMESTAMP_NTZ)"),
        ("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a NULLS LAST"),
        (
            "SELECT sum(a) OVER (w ROWS 1 PRECEDING) FROM t WINDOW w AS ()",
            "SELECT SUM(a) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t WINDOW w AS ()",
        ),
        ("SELECT lag(a) OVER w FROM t WINDOW w AS ()", "SELECT LAG(a) OVER w FROM t WINDOW w AS ()"),
        (
            "SELECT * FROM sold(['p1']) AS s",
            "SELECT * FROM (SELECT * FROM orders WHERE ARRAY('p1') IS NULL OR ARRAY_CONTAINS(ARRAY('p1'), id)) AS s",
        ),
        (
            "SELECT * FROM sold(NULL)",
            "SELECT * FROM (SELECT * FROM orders WHERE NULL IS NULL OR ARRAY_CONTAINS(NULL, id)) AS sold",
        ),
    ],
)
def test_a_statement_is_spark_s(ours: str, theirs: str) -> None:
    """Each difference that sqlglot does not know of is put into Spark's words."""
    assert to_spark(ours, [MACRO]) == theirs


def test_a_window_s_name_is_of_its_own_select() -> None:
    """Two windows of one name, one inside the other's FROM, are each written out as their own SELECT has them."""
    inner = "SELECT sum(a) OVER (w ROWS 2 PRECEDING) AS a FROM t WINDOW w AS (PARTITION BY b)"
    told = to_spark(f"SELECT sum(a) OVER (w ROWS 1 PRECEDING) FROM ({inner}) WINDOW w AS (PARTITION BY c)")  # noqa: S608  # nothing runs it
    assert "OVER (PARTITION BY c ROWS BETWEEN 1 PRECEDING" in told
    assert "OVER (PARTITION BY b ROWS BETWEEN 2 PRECEDING" in told


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("VARCHAR", "string"),
        ("DECIMAL(18,2)", "decimal(18,2)"),
        ("INTEGER", "int"),
        ("VARCHAR[]", "array<string>"),
        ("TIMESTAMP", "timestamp_ntz"),
    ],
)
def test_types_are_named_as_spark_names_them(ours: str, theirs: str) -> None:
    """A column's declared type is held against what Spark calls the type that it gives."""
    assert type_on_spark(ours) == theirs


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM transactions JOIN products USING (a)",
        "WITH a AS (SELECT * FROM Transactions), b AS (SELECT * FROM a) SELECT * FROM b UNION SELECT * FROM products",
        "SELECT * FROM transactions AS t, unnest(t.items) AS u(item) WHERE item IN (SELECT product_id FROM products)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
        "SELECT * FROM sold_by_month(NULL) AS sold",
        "FROM transactions",
    ],
)
def test_what_reads_its_inputs_is_let_through(sql: str) -> None:
    """Joins, CTEs, subqueries, lists and what our own reports have in common are all a report may need."""
    check_reach(sql, {"transactions", "products"}, [macro.sql for macro in MACROS])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT kind, 1 FROM '/etc/passwd' AS kinds(kind)",
        "SELECT value AS kind, 1 FROM text.`/etc/passwd`",
        'SELECT value AS kind, 1 FROM text."/etc/passwd"',
        "SELECT content AS kind, 1 FROM read_text('/etc/passwd')",
        "SELECT column0 AS kind, 1 FROM read_csv('/etc/passwd')",
        "SELECT kind, 1 FROM products AS kinds(kind)",
        "SELECT reflect('java.lang.System', 'getenv', 'HOME') AS kind, 1 FROM transactions",
        "SELECT java_method('java.lang.System', 'getenv', 'HOME') AS kind, 1 FROM transactions",
        "SELECT getvariable('x') AS kind, 1 FROM transactions",
        "WITH kinds AS (SELECT * FROM information_schema.tables) SELECT table_name AS kind, 1 FROM kinds",
        "SELECT kind, orders FROM (SELECT (SELECT max(value) FROM global_temp.x) AS kind, 1)",
        "SELECT kind, 1 FROM (WITH secret AS (SELECT 'a' AS kind) SELECT * FROM secret) AS a, secret",
        "COPY transactions TO '/tmp/stolen.parquet'",
        "CREATE TABLE stolen AS SELECT * FROM transactions",
        "SELECT 'a' AS kind, 1; DROP VIEW transactions",
        "SET spark.sql.ansi.enabled = false",
        "SELECT FROM WHERE",
    ],
)
def test_what_reaches_elsewhere_is_refused(sql: str) -> None:
    """Files, other tables, the JVM, the session, and whatever is no single SELECT."""
    with pytest.raises(TranslationError):
        check_reach(sql, {"transactions"}, [macro.sql for macro in MACROS])
