"""Is a request one that the provider's published description allows? The descriptions lie beside the checkout in CI."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
from requests import PreparedRequest

SPECS = Path(__file__).parents[3] / "shared" / "specs"
_NESTED = re.compile(
    r"/api/v1/stores/[^/]+/invoices/"
)  # works on every server; the description names the short form only


@cache
def _spec(name: str) -> dict[str, Any]:
    return json.loads((SPECS / f"{name}.json").read_text())


def complaints(name: str, request: PreparedRequest) -> list[str]:
    """What the description of `name` (stripe | btcpay) has against this request."""
    spec, url = _spec(name), urlsplit(request.url or "")
    path = _NESTED.sub("/api/v1/invoices/", url.path)
    operation = _operation(spec, path, (request.method or "").lower())
    if operation is None:
        return [f"{request.method} {path} is not described"]
    query = _nest(parse_qsl(url.query, keep_blank_values=True))
    declared = {p["name"]: p["schema"] for p in _resolved(spec, operation.get("parameters", [])) if p["in"] == "query"}
    return _check(spec, query, {"properties": declared}, "query") + _check_body(spec, operation, request)


def _operation(spec: dict[str, Any], path: str, method: str) -> dict[str, Any] | None:
    fits = [
        item for template, item in spec["paths"].items() if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path)
    ]
    return next((item[method] for item in fits if method in item), None)


def _resolved(spec: dict[str, Any], parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_deref(spec, parameter) for parameter in parameters]


def _deref(spec: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = spec
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def _check_body(spec: dict[str, Any], operation: dict[str, Any], request: PreparedRequest) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if not request.body:
        return []
    text = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    if "application/json" in content:
        return _check(spec, json.loads(text), content["application/json"]["schema"], "body")
    return _check(spec, _nest(parse_qsl(text)), content["application/x-www-form-urlencoded"]["schema"], "body")


def _check(spec: dict[str, Any], value: Any, schema: dict[str, Any], where: str) -> list[str]:
    """Objects member by member, since `additionalProperties: false` inside `allOf` would refuse everything."""
    properties = _properties(spec, schema)
    if isinstance(value, dict) and properties:
        unknown = [f"{where}: {key} is unknown" for key in value if key not in properties and not _open(spec, schema)]
        known = [key for key in value if key in properties]
        return unknown + [
            found for key in known for found in _check(spec, value[key], properties[key], f"{where}.{key}")
        ]
    plain = _plain(spec, schema)
    errors = jsonschema.Draft4Validator(plain).iter_errors(_typed(value, plain))
    return [f"{where}: {error.message}" for error in errors]


def _properties(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = _deref(spec, schema)
    found = dict(schema.get("properties", {}))
    for part in [*schema.get("allOf", []), *schema.get("anyOf", [])]:
        found |= _properties(spec, part)
    return found


def _open(spec: dict[str, Any], schema: dict[str, Any]) -> bool:
    return bool(_deref(spec, schema).get("additionalProperties"))


def _plain(spec: dict[str, Any], schema: Any) -> Any:
    """The schema with every reference put in its place."""
    if isinstance(schema, list):
        return [_plain(spec, item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _plain(spec, value) for key, value in _deref(spec, schema).items()}


def _typed(value: Any, schema: dict[str, Any]) -> Any:
    """Form fields are text: read numbers and booleans where the schema wants them."""
    kind = schema.get("type")
    if kind == "array" and isinstance(value, dict):
        return [_typed(item, schema["items"]) for _, item in sorted(value.items(), key=lambda pair: int(pair[0]))]
    if kind == "array" and isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return {key: _typed(item, schema.get("properties", {}).get(key, {})) for key, item in value.items()}
    if kind in ("integer", "number") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return {"true": True, "false": False}.get(value, value) if kind == "boolean" and isinstance(value, str) else value


def _nest(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b][0]=c` to {"a": {"b": {"0": "c"}}}."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        *steps, last = re.findall(r"[^\[\]]+", name)
        node = found
        for step in steps:
            node = node.setdefault(step, {})
        node[last] = value
    return found
