"""The whole app behind a test client, on SQLite: what differs between databases is tested a room below."""

from dataclasses import replace

import pytest

from app import create_app
from app.gate import Gate
from app.keys import KeyOrder, create
from app.models import Order
from keystore.plans import Plan, Rate

ADMIN_TOKEN = "adm_7Kd2Wq9Zx4Lm1Rv8Tn"


@pytest.fixture
def database_url(sqlite_url):
    return sqlite_url


@pytest.fixture
def settings_changes():
    """What a test wants to be set otherwise."""
    return {"admin_token": ADMIN_TOKEN}


@pytest.fixture
def web_tollgate(tollgate, settings_changes):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    small = Plan("small", "Small", (Rate("minute", 3, 60), Rate("burst", 100, 1)), description="Three a minute.")
    catalog = replace(tollgate.catalog, plans={**tollgate.catalog.plans, "small": small})
    settings = type(tollgate.settings)(_env_file=None, **{**fields, **settings_changes})
    return replace(tollgate, settings=settings, catalog=catalog)


@pytest.fixture
def web(web_tollgate, clock):
    app = create_app(tollgate=web_tollgate)
    app.extensions["gate"] = Gate(
        web_tollgate, monotonic=lambda: clock().timestamp()
    )  # its cache lives by the same clock
    return app


@pytest.fixture
def client(web):
    return web.test_client()


@pytest.fixture
def admin():
    return {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
def working_key(web_tollgate):
    """The plaintext of a key that an operator gave away."""
    return create(web_tollgate, KeyOrder("pro"), actor="test").api_key.reveal()


@pytest.fixture
def small_key(web_tollgate):
    """A key of a plan with three requests a minute."""
    return create(web_tollgate, KeyOrder("small"), actor="test").api_key.reveal()


@pytest.fixture
def order(client):
    """An order that nobody has paid, as the API answered it."""
    answer = client.post("/v1/orders", json={"plan": "pro", "provider": "btcpay"})
    assert answer.status_code == 201
    return answer.json


@pytest.fixture
def html():
    """What a browser sends."""
    return {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def rows_of_orders(rows):
    return lambda: rows(Order)
