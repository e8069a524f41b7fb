from datetime import timedelta

import pytest
import requests
from standin import NOW, fixture

KEY, LIST = "GET /api/v1/api-keys/current", "GET /api/v1/stores/STORE1/invoices"
NARROW = fixture("btcpay/api_key")["permissions"]


def found(bitcoin, btcpay_api, *permissions, store=(200, [])):
    btcpay_api.answers |= {KEY: fixture("btcpay/api_key", permissions=list(permissions)), LIST: store}
    return {(line.name, line.level) for line in bitcoin.diagnose(NOW)}


WELL = {("btcpay credentials", "ok"), ("btcpay rights", "ok"), ("btcpay store", "ok"), ("clock", "ok")}


@pytest.mark.parametrize("permissions", [NARROW, [right.partition(":")[0] for right in NARROW], NARROW[2:]])
def test_all_is_well_with_a_key_that_has_the_five_rights(bitcoin, btcpay_api, permissions):
    assert found(bitcoin, btcpay_api, *permissions) == WELL


@pytest.mark.parametrize("permission", ["unrestricted", "btcpay.store.canmodifystoresettings:STORE1"])
def test_a_key_that_may_do_anything_is_a_warning(bitcoin, btcpay_api, permission):
    assert found(bitcoin, btcpay_api, permission) == WELL | {("btcpay rights", "warning")}


def test_a_key_that_sees_the_store_s_settings_sees_its_invoices(bitcoin, btcpay_api):
    said = found(bitcoin, btcpay_api, NARROW[0], NARROW[4])
    assert (("btcpay rights", "ok") in said, ("btcpay rights", "error") in said) == (True, False)


@pytest.mark.parametrize("permissions", [NARROW[:1], NARROW[1:2], [], ["btcpay.store.canmodifyinvoices:OTHER"]])
def test_a_key_without_a_needed_right_is_an_error(bitcoin, btcpay_api, permissions):
    assert ("btcpay rights", "error") in found(bitcoin, btcpay_api, *permissions)


def test_a_key_without_an_optional_right_is_a_warning_that_names_the_loss(bitcoin, btcpay_api):
    btcpay_api.answers |= {KEY: fixture("btcpay/api_key", permissions=NARROW[:3]), LIST: (200, [])}
    assert any("refunds will not work" in line.detail for line in bitcoin.diagnose(NOW))


@pytest.mark.parametrize("answer", [(401, {}), (403, {})])
def test_a_key_that_is_not_accepted_is_an_error(bitcoin, btcpay_api, answer):
    btcpay_api.answers[KEY] = answer
    assert [(line.name, line.level) for line in bitcoin.diagnose(NOW)] == [
        ("btcpay credentials", "error"),
        ("clock", "ok"),
    ]


@pytest.mark.parametrize("answer", [{"permissions": NARROW}, (403, {}), (500, {})])
@pytest.mark.parametrize("away", [timedelta(seconds=90), timedelta(seconds=-90)])
def test_a_clock_that_is_not_btcpays_is_a_warning(bitcoin, btcpay_api, answer, away):
    btcpay_api.answers |= {KEY: answer, LIST: (200, [])}
    warned = [line.detail for line in bitcoin.diagnose(NOW + away) if (line.name, line.level) == ("clock", "warning")]
    assert warned == ["90 s away from BTCPay's"]


def test_a_btcpay_that_does_not_answer_says_nothing_of_the_clock(bitcoin, btcpay_api):
    btcpay_api.answers[KEY] = requests.ConnectionError("no route")
    assert [(line.name, line.level) for line in bitcoin.diagnose(NOW)] == [("btcpay reachable", "error")]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_store_that_cannot_be_read_is_an_error(bitcoin, btcpay_api, status):
    assert ("btcpay store", "error") in found(bitcoin, btcpay_api, *NARROW, store=(status, {}))
