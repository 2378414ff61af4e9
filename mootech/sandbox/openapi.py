"""The API's own description: an OpenAPI 3.1 document."""

from typing import Any, Final

from mootech.sandbox.exports import Status
from mootech.sandbox.pages import DEFAULT_LIMIT, MOST_DAYS, MOST_ROWS
from mootech.tables import TABLES
from mootech.tables.spec import UTC_DATE, Column, TableSpec, TextFormat, Type

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_OPTIONAL: Final[Schema] = {"type": ["string", "null"]}
_DAY: Final[Schema] = {"type": "string", "format": "date", "description": "UTC day."}

_TYPES: Final[dict[Type, Schema]] = {
    Type.TEXT: {"type": "string"},
    Type.INTEGER: {"type": "integer"},
    Type.NUMBER: {"type": "number"},
    Type.SECONDS: {"type": "integer", "description": "Unix seconds."},
    Type.TEXTS: {"type": "array", "items": {"type": "string"}},
}
_FORMATS: Final[dict[TextFormat, Schema]] = {
    TextFormat.FILLED: {},
    TextFormat.EMAIL: {"format": "email"},
    TextFormat.CURRENCY: {"description": "ISO 4217."},
    TextFormat.UNSIGNED_64_BIT: {"pattern": "^[0-9]{1,20}$", "description": "An unsigned 64-bit number."},
}


def _schema(column: Column) -> Schema:
    """Return what OpenAPI says of a column."""
    if column.one_of:
        return {"enum": list(column.one_of)}
    schema = {**_TYPES[column.type], **(_FORMATS[column.format] if column.format else {})}
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
    if column.least is not None:
        schema["minimum"] = int(column.least)
    return {**schema, "description": f"{column.meaning}."} if column.meaning else schema


COLUMNS: Final[dict[TableSpec, dict[str, Schema]]] = {
    table: {**{name: _schema(column) for name, column in table.columns.items()}, UTC_DATE: _DAY} for table in TABLES
}
"""The declared columns of each table, in the order in which the shop delivers them."""

_OLDER_DAY: Final[Schema] = {"type": "string", "pattern": "^[0-9]{2}-[0-9]{2}-[0-9]{4}$", "description": "mm-dd-yyyy."}

_PROBLEMS: Final = {
    400: "The body is no JSON object.",
    401: "No API key, or a wrong one.",
    404: "There is no such path, or no such job.",
    405: "The method is another one.",
    409: "The sandbox has no buckets.",
    422: "A parameter is missing or cannot be used; `parameter` names it.",
}


def document() -> Schema:
    """Return the description of everything the API answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mootech sandbox",
            "version": "1",
            "description": "A shop to rehearse on. Its data is made up, and a documented small share of its rows is "
            "broken on purpose: repeated, or not of the types described here. All of /v1 answers under /dev too.",
        },
        "security": [{"key": []}],
        "paths": {
            **{f"/v1/{table}": _rows_path(table) for table in TABLES},
            **{f"/v1/metrics/{name}": _metric_path(name) for name in ("hits", "visitors")},
            "/v1/fetch_data": {"post": _order()},
            "/v1/job_status": {"get": _status()},
            "/openapi.json": {
                "get": {
                    "summary": "This document.",
                    "security": [],
                    "responses": {"200": _json("An OpenAPI document.", {"type": "object"}), **_problems(405)},
                }
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
            "schemas": {
                **{table.name: _row(columns) for table, columns in COLUMNS.items()},
                "problem": {
                    "type": "object",
                    "description": "RFC 9457.",
                    "properties": {
                        "type": {"type": "string", "format": "uri-reference"},
                        "title": _TEXT,
                        "status": {"type": "integer"},
                        "detail": _TEXT,
                        "parameter": _TEXT,
                    },
                    "required": ["type", "title", "status", "detail"],
                },
            },
        },
    }


def _row(columns: dict[str, Schema]) -> Schema:
    """Describe a row; further columns may be added on any day."""
    return {"type": "object", "properties": columns, "required": list(columns), "additionalProperties": True}


def _rows_path(table: TableSpec) -> Schema:
    """Describe the pages of a table."""
    page = {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": {"$ref": f"#/components/schemas/{table}"}},
            "next_cursor": {**_OPTIONAL, "description": "Cursor of the next page; null on the last."},
            "total": {"type": "integer", "description": "Rows of all days asked for."},
        },
        "required": ["data", "next_cursor", "total"],
    }
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": DEFAULT_LIMIT}
    return {
        "get": {
            "summary": f"Rows of {table}, page by page.",
            "parameters": [
                _parameter("start_date", _DAY, required=True),
                _parameter("end_date", {**_DAY, "description": f"Included; at most {MOST_DAYS} days."}, required=True),
                _parameter("limit", limit),
                _parameter("cursor", {"type": "string", "description": "next_cursor of the page before."}),
            ],
            "responses": {"200": _json("A page.", page), **_problems(401, 405, 422)},
        }
    }


def _metric_path(name: str) -> Schema:
    """Describe one of the shop's own counts."""
    return {
        "get": {
            "summary": f"The shop's own count of {name} on one day.",
            "parameters": [_parameter("date", _DAY)],
            "requestBody": _body({"date": _OLDER_DAY}, "Instead of the parameter, and then without a key."),
            "security": [{"key": []}, {}],
            "responses": {"200": _json("The count.", {"type": "integer"}), **_problems(400, 401, 405, 422)},
        }
    }


def _order() -> Schema:
    """Describe how a job is ordered."""
    fields = {
        "start_date": _OLDER_DAY,
        "end_date": {**_OLDER_DAY, "description": f"mm-dd-yyyy, included; at most {MOST_DAYS} days."},
        "api_key": _TEXT,
        "destination_s3_bucket": _TEXT,
        "destination_s3_directory": _TEXT,
        "table": {"enum": [*TABLES.names]},
    }
    answer = {"type": "object", "properties": {"job_id": _TEXT}, "required": ["job_id"]}
    return {
        "summary": "Have the rows of a range of days written into a bucket, as Parquet.",
        "security": [],
        "requestBody": {**_body(fields, "The order, and the key."), "required": True},
        "responses": {"200": _json("The job.", answer), **_problems(400, 401, 405, 409, 422)},
    }


def _status() -> Schema:
    """Describe how a job's status is asked for."""
    answer = {
        "type": "object",
        "properties": {
            "job_id": _TEXT,
            "execution_status": {"enum": [*Status]},
            "rows": {"type": "integer", "description": "Rows in the files of a complete job."},
            "error": {"type": "string", "description": "Why a job failed."},
        },
        "required": ["job_id", "execution_status"],
    }
    return {
        "summary": "How far a job is.",
        "security": [],
        "requestBody": {**_body({"job_id": _TEXT}, "Which job."), "required": True},
        "responses": {"200": _json("Its status.", answer), **_problems(400, 404, 405, 422)},
    }


def _body(fields: Schema, description: str) -> Schema:
    """Describe the body of a request, all of whose fields must be there."""
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, schema: Schema, *, required: bool = False) -> Schema:
    """Describe a parameter of the query."""
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _json(description: str, schema: Schema) -> Schema:
    """Describe an answer."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(*statuses: int) -> Schema:
    """Describe answers that are problem documents."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    return {str(status): {"description": _PROBLEMS[status], "content": content} for status in statuses}
