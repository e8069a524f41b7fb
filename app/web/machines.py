"""For machines: health, metrics, and the description of the API."""

from flask import Blueprint, Response, current_app, jsonify, render_template
from prometheus_client import CONTENT_TYPE_LATEST

from app import health
from app.errors import KINDS
from app.web import metrics
from app.web.parts import tollgate

pages = Blueprint("machines", __name__)
swagger_files = Blueprint(
    "swagger", "flask_openapi_swagger", static_folder="templates/swagger", static_url_path="/docs/assets"
)


@pages.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@pages.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Whether requests can be served: database reachable and migrated, counter store answering."""
    reasons = health.readiness(tollgate())
    return jsonify(status="unavailable" if reasons else "ready", reasons=reasons), 503 if reasons else 200


@pages.get("/metrics")
def show_metrics() -> Response:
    """For Prometheus. Keep it behind the proxy."""
    return Response(metrics.render(tollgate()), content_type=CONTENT_TYPE_LATEST)


@pages.get("/openapi.json")
def openapi() -> Response:
    """The description of the API, OpenAPI 3.1."""
    return jsonify(current_app.api_doc)  # type: ignore[attr-defined]  # it is an OpenAPI app


@pages.get("/docs")
def docs() -> str:
    """Swagger UI, from the wheel: no other host is asked."""
    return render_template("docs.html")


@pages.get("/docs/errors")
def errors() -> str:
    """Every code: where `type` and `doc_url` of a problem lead."""
    return render_template("errors.html", kinds=KINDS)
