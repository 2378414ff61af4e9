"""Translates DuckDB's SQL to Spark's. Only this module knows how the two differ; docs/scale.md lists the differences.

sqlglot does most of the translation. This module adds the differences that sqlglot does not know, each with its reason.
Pure.
"""

from collections.abc import Callable, Iterable, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from mootech.errors import UsageError

_ODD = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}\N{GREEK CAPITAL LETTER SIGMA}"
_ODD_IN_LOWER_CASE = "i\N{GREEK SMALL LETTER SIGMA}"
_EXACT_INTEGER = exp.DataType.build("DECIMAL(38, 0)")


class TranslationError(UsageError):
    """A statement has no counterpart on Spark, or reads something that it must not read."""


def to_spark(sql: str, macros: Iterable[str] = ()) -> str:
    """Return DuckDB's statement in Spark's SQL, with named parameters as `:name`.

    Args:
        sql: one SELECT.
        macros: the CREATE MACRO … AS TABLE statements that it may call; each call is replaced by the macro's body.

    Raises:
        TranslationError: the statement is not one SELECT.

    """
    tree = _parsed(sql)
    for macro in macros:
        tree = _written_out(tree, _one(macro))
    for select in tree.find_all(exp.Select):
        _complete_windows(select)
    # Inner nodes come first, so that a rewritten node contains its parts in their rewritten form.
    for node in reversed(list(tree.walk())):
        written = _rewritten(node)
        if written is not node:
            node.replace(written)
    return tree.sql(dialect="spark", comments=False)


def _parsed(sql: str) -> exp.Query:
    """Return the statement's syntax tree; TranslationError when it is not one SELECT."""
    tree = _one(sql)
    if not isinstance(tree, exp.Query):
        raise TranslationError("it is not one SELECT statement, and a report only reads")
    return tree


def check_reach(sql: str, tables: Iterable[str], macros: Iterable[str] = ()) -> None:
    """Refuse a user's statement that reads anything but these tables, or calls a function that sqlglot does not know.

    The macros may be called in place of a table. This check is needed because Spark, unlike DuckDB, cannot lock a
    session: it reads a path in place of a table, and calls any Java method through `reflect`.

    Raises:
        TranslationError: the statement does one of these.

    """
    tree = _parsed(sql)
    for macro in macros:
        tree = _written_out(tree, _one(macro))
    inputs = set(tables)
    # Where a CTE is not in scope, its name would mean a table of the cluster.
    outside = {id(found) for scope in traverse_scope(tree) for found in scope.sources.values()}
    known = inputs | {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        names = inputs if id(table) in outside else known
        if not isinstance(table.this, exp.Identifier) or table.db or table.catalog or table.name.lower() not in names:
            raise TranslationError(f"it reaches for something else than the lake's own tables: {table.sql('duckdb')}")
    for call in tree.find_all(exp.Anonymous):
        if call.name.lower() not in _RENAMED:
            raise TranslationError(f"the function {call.name} has no known counterpart on Spark")


def type_on_spark(name: str) -> str:
    """Return Spark's name of a column's type, as DataType.simpleString gives it: decimal(18,2), array<string>."""
    return exp.DataType.build(name, dialect="duckdb").transform(_rewritten).sql("spark").replace(" ", "").lower()


def _one(sql: str) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="duckdb") if tree is not None]
    except SqlglotError as exc:
        raise TranslationError(f"it cannot be read: {str(exc).partition(chr(10))[0]}") from exc
    if len(trees) != 1:
        raise TranslationError("it is not one SELECT statement, and a report only reads")
    return trees[0]


def _written_out(tree: exp.Query, macro: exp.Expr) -> exp.Query:
    """Replace each call of the macro by its body, because Spark has no table macros."""
    name, parameters, body = macro.this.this.name, [each.name for each in macro.this.expressions], macro.expression
    for table in list(tree.find_all(exp.Table)):
        call = table.this
        if not isinstance(call, exp.Anonymous) or call.name.lower() != name.lower():
            continue
        values = dict(zip(parameters, call.expressions, strict=True))
        inner = body.copy()
        for column in list(inner.find_all(exp.Column)):
            if column.name in values and not column.table:
                column.replace(values[column.name].copy())
        table.replace(exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(table.alias or name))))
    return tree


def _complete_windows(select: exp.Select) -> None:
    """Write out a named window that has a frame added, because Spark accepts such a name only without a frame."""
    named = {window.name: window for window in select.args.get("windows") or ()}
    for window in select.find_all(exp.Window):
        base = named.get(window.alias)
        if base is not None and window.args.get("spec") is not None and window.parent_select is select:
            window.set("alias", None)
            window.set("partition_by", [each.copy() for each in base.args.get("partition_by") or ()])
            window.set("order", base.args["order"].copy() if base.args.get("order") else None)


def _rewritten(node: exp.Expr) -> exp.Expr:
    rewrite = _REWRITES.get(type(node))
    return node if rewrite is None else rewrite(node)


def _bracket(node: exp.Bracket) -> exp.Expr:
    # An index beyond the end gives NULL in DuckDB and an error in Spark. sqlglot made literal indexes count from 0.
    [index, *more] = node.expressions
    if more or index.is_string:
        return node
    place = exp.Literal.number(index.to_py() + 1) if index.is_int else index
    return exp.Anonymous(this="TRY_ELEMENT_AT", expressions=[node.this, place])


def _data_type(node: exp.DataType) -> exp.Expr:
    # Spark has no 128-bit integer; its widest exact number is a DECIMAL.
    return _EXACT_INTEGER.copy() if node.this == exp.DataType.Type.INT128 else node


def _lower(node: exp.Lower) -> exp.Expr:
    # Spark maps İ to two characters, and Σ according to its place in the word. DuckDB maps each character by itself.
    plain = exp.Translate(this=node.this, from_=exp.Literal.string(_ODD), to=exp.Literal.string(_ODD_IN_LOWER_CASE))
    return exp.Lower(this=plain)


def _anonymous(node: exp.Anonymous) -> exp.Expr:
    renamed = _RENAMED.get(node.name.lower())
    return node if renamed is None else renamed(node.expressions)


def _without_zone(node: exp.Expr) -> exp.Expr:
    # Spark returns an instant, shown in the session's time zone, or a DATE. DuckDB returns a TIMESTAMP without a zone.
    return exp.Cast(this=node.copy(), to=exp.DataType.build(exp.DataType.Type.TIMESTAMPNTZ))


_RENAMED: Mapping[str, Callable[[list[exp.Expr]], exp.Expr]] = {
    # Both arg_max_null and Spark's max_by keep a NULL. arg_max skips it, so recipes use arg_max only without NULLs.
    "arg_max_null": lambda arguments: exp.ArgMax(this=arguments[0], expression=arguments[1]),
}
_REWRITES: Mapping[type[exp.Expr], Callable[..., exp.Expr]] = {
    exp.Anonymous: _anonymous,
    exp.Bracket: _bracket,
    exp.DateTrunc: _without_zone,
    exp.DataType: _data_type,
    exp.Lower: _lower,
    exp.TimestampTrunc: _without_zone,
    exp.UnixToTime: _without_zone,
}
