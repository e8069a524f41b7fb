"""A lost key over HTTP and as pages; the page of a payer who bought nothing."""

import re
from dataclasses import replace

import pytest

from app import create_app, links
from app.models import Order, Parcel, Recovery
from app.recovery import prepare
from keystore.models import ApiKey

EMAIL = "buyer@example.com"
CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def settings_changes():
    return {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "shop@example.com"}


@pytest.fixture
def bought(client):
    return client.post("/v1/orders", json={"plan": "pro", "provider": "btcpay", "email": EMAIL}).json


@pytest.fixture
def token(web_tollgate, bought, rows):
    """What the letter's link would carry."""
    prepare(web_tollgate, {"request": "rcv_1", "email": EMAIL, "locale": None})
    return links.recovery_token(web_tollgate.settings, rows(Recovery)[0].id).reveal()


def form(client, path, **fields):
    csrf = CSRF.search(client.get(path).text)[1]
    return {"csrf_token": csrf, **fields}


def test_every_address_gets_the_same_answer(client, bought):
    answers = [client.post("/v1/orders/recover", json={"email": email}) for email in (EMAIL, "nobody@example.com")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json


@pytest.mark.parametrize("body", [{}, {"email": "no address"}, {"email": 1}, {"email": EMAIL, "more": 1}])
def test_a_question_without_an_address_is_refused(client, body):
    assert client.post("/v1/orders/recover", json=body).status_code == 422


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_one_address_is_asked_about_three_times_an_hour(client, bought, email):
    statuses = [client.post("/v1/orders/recover", json={"email": email}).status_code for _ in range(4)]
    assert statuses == [202, 202, 202, 429]


def test_capitals_and_the_page_count_as_the_same_address(client):
    [client.post("/v1/orders/recover", json={"email": EMAIL.upper()}) for _ in range(3)]
    answer = client.post("/recover/ask", data=form(client, "/recover", email=EMAIL))
    assert answer.status_code == 429


def test_one_asker_is_limited_whatever_the_address(client):
    statuses = [
        client.post("/v1/orders/recover", json={"email": f"a{number}@example.com"}).status_code for number in range(31)
    ]
    assert statuses == [202] * 30 + [429]


def test_the_token_gives_a_new_key_and_says_when_the_old_one_ends(client, token, bought):
    answer = client.post("/v1/orders/recover/claim", json={"token": token})
    assert [item["key_id"] for item in answer.json["previous"]] == [bought["key_id"]]
    order = client.get(f"/v1/orders/{bought['id']}", headers={"X-API-Key": answer.json["api_key"]})
    assert order.json["key_id"] == answer.json["key_id"]


def test_the_same_token_gives_the_same_key(client, token):
    answers = [client.post("/v1/orders/recover/claim", json={"token": token, "end_old": "now"}) for _ in range(2)]
    assert answers[0].json["api_key"] == answers[1].json["api_key"]


@pytest.fixture
def rotated(client, bought, btcpay, clock):
    """The order is paid and its key rotated to another, with a day on which both work: the headers of the two."""
    first = {"X-API-Key": bought["api_key"]}
    btcpay.pay(at=clock.now)
    client.get(f"/v1/orders/{bought['id']}", headers=first)
    second = client.post("/v1/keys/rotate", headers=first).json["api_key"]
    return first, {"X-API-Key": second}


def test_ending_the_old_keys_ends_what_was_rotated_before_too(client, rotated, token):
    first = client.post("/v1/orders/recover/claim", json={"token": token}).json
    working = [client.get("/v1/usage", headers=headers).status_code for headers in rotated]
    again = client.post("/v1/orders/recover/claim", json={"token": token, "end_old": "now"}).json
    ended = [client.get("/v1/usage", headers=headers).status_code for headers in rotated]
    assert (working, ended) == ([200, 200], [401, 401])
    assert (len(first["previous"]), again["api_key"]) == (2, first["api_key"])


@pytest.mark.parametrize("end_old", ["now", "grace"])
def test_the_answer_names_every_key_that_it_replaced(client, rotated, token, rows, end_old):
    answer = client.post("/v1/orders/recover/claim", json={"token": token, "end_old": end_old}).json
    others = {row.id for row in rows(ApiKey)} - {answer["key_id"]}
    assert ({item["key_id"] for item in answer["previous"]}, len(others)) == (others, 2)


def test_an_unknown_token_is_spent(client):
    answer = client.post("/v1/orders/recover/claim", json={"token": "A" * 43})
    assert (answer.status_code, answer.json["code"]) == (410, "link_spent")


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x" * 201}, {"token": "x", "end_old": "later"}])
def test_a_claim_that_cannot_be_read_is_refused(client, body):
    assert client.post("/v1/orders/recover/claim", json=body).status_code == 422


def test_looking_at_the_page_changes_nothing(client, token, rows):
    client.get("/recover")
    assert rows(Recovery)[0].claimed_at is None


def test_the_page_may_run_our_script_and_no_other(client):
    answer = client.get("/recover")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert client.get(re.search(r'<script src="([^"]+)"', answer.text)[1], buffered=True).status_code == 200


@pytest.mark.parametrize("pasted", ["{}", "http://127.0.0.1:8000/recover#{}", "  {}\n"])
def test_the_button_shows_the_key_for_a_token_or_a_whole_link(client, token, pasted):
    answer = client.post("/recover", data=form(client, "/recover", token=pasted.format(token), end_old="grace"))
    assert re.search(r'<code id="api-key">tg_test_\w+</code>', answer.text)


def test_the_browser_holds_the_order_again(client, token, bought):
    client.post("/recover", data=form(client, "/recover", token=token, end_old="now"))
    assert client.get(f"/orders/{bought['id']}").status_code == 200


def test_the_button_without_a_form_of_ours_does_nothing(client, token, rows):
    assert client.post("/recover", data={"token": token}).status_code == 400
    assert rows(Recovery)[0].claimed_at is None


def test_a_spent_link_says_so_on_the_page(client):
    answer = client.post("/recover", data=form(client, "/recover", token="x"))
    assert answer.status_code == 410
    assert "Ask for a new one" in answer.text


def test_the_page_takes_an_address_and_says_the_same_for_all(client, rows):
    answer = client.post("/recover/ask", data=form(client, "/recover", email="nobody@example.com"))
    assert answer.status_code == 202
    assert [row.kind for row in rows(Parcel)] == ["recover"]


def test_the_page_refuses_what_is_no_address(client):
    assert client.post("/recover/ask", data=form(client, "/recover", email="me")).status_code == 422


@pytest.fixture
def not_mine(web_tollgate, bought):
    return links.stranger(web_tollgate.settings, bought["id"]).removeprefix(web_tollgate.settings.public_url)


def test_looking_at_a_strangers_page_raises_nothing(client, not_mine, rows):
    assert client.get(not_mine).status_code == 200
    assert rows(Order)[0].attention is None


def test_a_payer_can_say_that_it_was_not_theirs(client, not_mine, rows):
    answer = client.post(not_mine, data=form(client, not_mine))
    assert answer.status_code == 200
    assert rows(Order)[0].attention == "not_theirs"


@pytest.mark.parametrize("path", ["/not-mine/ord_1", "/not-mine/x.y.z"])
def test_an_order_cannot_be_disowned_without_our_link(client, html, path):
    assert client.get(path, headers=html).status_code == 410


def test_the_link_of_one_installation_means_nothing_to_another(web_tollgate, not_mine):
    settings = web_tollgate.settings.model_copy(update={"secret_key": web_tollgate.settings.stripe_secret_key})
    other = create_app(tollgate=replace(web_tollgate, settings=settings)).test_client()
    assert other.get(not_mine).status_code == 410


def test_a_claim_leaves_no_secret_in_the_log(client, token, caplog):
    caplog.set_level("DEBUG")
    key = client.post("/v1/orders/recover/claim", json={"token": token}).json["api_key"]
    assert token not in caplog.text
    assert key not in caplog.text


def test_the_pages_speak_french(client):
    assert "Une nouvelle clé" in client.get("/recover?lang=fr").text
