import json
import re

import pytest
from sqlalchemy import create_engine

from app.errors import KINDS
from migrations.runner import heads, upgrade


def execute(tollgate, statement):
    with tollgate.db.engine.execution_options(write=True).begin() as connection:
        connection.exec_driver_sql(statement)


def test_a_living_process_says_so(client):
    assert client.get("/healthz").json == {"status": "ok"}


def test_a_migrated_database_is_ready(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "reasons": []})


def test_an_old_schema_is_not_ready(client, tollgate):
    execute(tollgate, "UPDATE alembic_version SET version_num = '0000'")
    answer = client.get("/readyz")
    assert (answer.status_code, "migrated" in answer.json["reasons"][0]) == (503, True)


def test_a_database_never_migrated_is_not_ready(client, tollgate):
    execute(tollgate, "DROP TABLE alembic_version")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["reasons"]) == (503, ["the database was never migrated"])


def test_a_database_that_is_away_is_not_ready(client, away):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["reasons"]) == (503, ["the database does not answer"])


def test_a_real_migration_is_ready(tmp_path, client, tollgate):
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    assert [upgrade(url)] == heads()


def test_backlogs_are_measured(client, order):
    text = client.get("/metrics").text
    assert re.search(r"^tollgate_receipts_due 0\.0$", text, re.MULTILINE)
    assert "tollgate_counter_degraded_total" in text


@pytest.fixture
def away(tollgate, tmp_path):
    """The database cannot be reached; afterwards it is back, for whoever cleans up."""
    good, tollgate.db.engine = tollgate.db.engine, create_engine(f"sqlite:///{tmp_path}/no/such/place.db")
    yield
    tollgate.db.engine.dispose()
    tollgate.db.engine = good


def test_a_database_that_answers_is_up(client):
    assert "\ntollgate_database_up 1.0\n" in client.get("/metrics").text


def test_while_the_database_is_away_only_its_own_numbers_are_missing(client, away):
    answer = client.get("/metrics")
    told = re.findall(r"^(tollgate_\w+ [\d.]+)$", answer.text, re.MULTILINE)

    assert (answer.status_code, told) == (200, ["tollgate_database_up 0.0", "tollgate_counter_degraded_total 0.0"])


def test_metrics_hold_no_key(client, order):
    assert order["api_key"] not in client.get("/metrics").text


def test_the_description_is_openapi_3_1(client):
    told = client.get("/openapi.json").json
    assert told["openapi"].startswith("3.1")
    assert told["components"]["securitySchemes"]["ApiKey"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}


def test_every_operation_has_a_name_of_its_own(client):
    paths = client.get("/openapi.json").json["paths"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names)) >= 14


def test_a_key_may_come_in_either_header(client):
    told = client.get("/openapi.json").json
    assert told["paths"]["/v1/whoami"]["get"]["security"] == [{"ApiKey": []}, {"Bearer": []}]


def test_every_refusal_is_described_as_a_problem(client):
    paths = client.get("/openapi.json").json["paths"]
    refusals = [
        answer["content"]
        for path in paths.values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
    ]
    assert {tuple(content) for content in refusals} == {("application/problem+json",)}


def test_references_in_the_description_lead_somewhere(client):
    told = client.get("/openapi.json").json
    wanted = set(re.findall(r"#/components/schemas/([\w.-]+)", json.dumps(told)))
    assert wanted <= set(told["components"]["schemas"])


def test_the_documentation_asks_no_other_host(client):
    page = client.get("/docs")
    assert (page.status_code, re.findall(r'(?:src|href)="(?!/)', page.text)) == (200, [])


@pytest.mark.parametrize(
    "path", ["/docs/assets/js/swagger-ui-bundle.js", "/docs/assets/css/swagger-ui.css", "/static/docs.js"]
)
def test_what_the_documentation_needs_is_here(client, path):
    with client.get(path) as answer:
        assert answer.status_code == 200


@pytest.mark.parametrize("code", KINDS)
def test_every_code_is_explained(client, code):
    assert f'id="{code}"' in client.get("/docs/errors").text
