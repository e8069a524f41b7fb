"""What the API description says about answers, and how answers are made."""

from http import HTTPStatus
from typing import Annotated, Any

from flask import Response, jsonify
from pydantic import BaseModel, Field

EITHER_KEY: list[dict[str, list[str]]] = [{"ApiKey": []}, {"Bearer": []}]
ADMIN: list[dict[str, list[str]]] = [{"Admin": []}]
SERVICE: list[dict[str, list[str]]] = [{"Service": []}]
ALWAYS = (400, 404, 405, 413, 415, 422, 429, 500, 503)
DESCRIPTIONS = {402: "Not paid yet, over, or suspended; `order_url` says where to pay", 422: "Readable, but not usable"}


class FieldError(BaseModel):
    """One value that cannot be used."""

    pointer: Annotated[str, Field(description="JSON pointer into the request")]
    detail: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; the words are not."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    doc_url: str
    request_id: str
    param: str | None = None
    order_url: str | None = None
    order_id: str | None = None
    errors: list[FieldError] | None = None


def problems(*statuses: int) -> dict[str | int | HTTPStatus, Any]:
    """The refusals of an endpoint, for its description. Those that any endpoint can give are always among them."""
    return {str(status): _described(status) for status in sorted({*ALWAYS, *statuses})}


def _described(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": DESCRIPTIONS.get(status, HTTPStatus(status).phrase), "content": content}


def answer(model: BaseModel, status: int = 200) -> Response:
    """A model as a JSON answer."""
    response = jsonify(model.model_dump(mode="json"))
    response.status_code = status
    return response
