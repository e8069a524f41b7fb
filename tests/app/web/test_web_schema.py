"""Whatever the description allows, and much that it does not: no 5xx, and only answers that are described."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from app.web import API

METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = {
    operation.operationId: operation
    for api in API
    for path in api.paths.values()
    for operation in filter(None, (getattr(path, method) for method in METHODS))
}
SPOILABLE = [name for name, found in OPERATIONS.items() if found.parameters or found.requestBody or found.security]
GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
load_all_checks()
PROMISES = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)


@pytest.fixture
def described(web):
    web.extensions["throttle"].enabled = False  # hundreds of requests from one address are the point here
    return schemathesis.openapi.from_wsgi("/openapi.json", web)


def test_every_operation_is_tried(described):
    assert {described.get_operation_id(found.ok()) for found in described.get_all_operations()} == set(OPERATIONS)
    assert len(OPERATIONS) >= 14


@pytest.mark.parametrize(
    ("name", "mode"), [*((name, GOOD) for name in OPERATIONS), *((name, BAD) for name in SPOILABLE)]
)
def test_an_operation_keeps_its_promises(described, admin, working_key, name, mode):
    operation = described.find_operation_by_id(name)
    headers = admin if name.startswith("admin") else {"X-API-Key": working_key}

    @given(operation.as_strategy(mode))
    @settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def fulfils(case):
        case.call_and_validate(headers=headers, checks=PROMISES)

    fulfils()
