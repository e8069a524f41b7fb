"""Letters, from the change to the mail server and back-off in between. On SQLite: the outbox is tested on both."""

from dataclasses import replace

import pytest
from post_office import post_office

from app import news, outbox
from app.carriers import CARRIERS
from app.ingest import receive
from app.mail import letters
from app.models import Order, Parcel
from app.strangers import tell
from providers.events import Agreement, AgreementState

BUYER, PAYER, OPERATOR = "buyer@example.com", "payer@example.com", "operator@example.com"


@pytest.fixture
def database_url(sqlite_url):
    return sqlite_url


@pytest.fixture
def office():
    with post_office() as (office, port):
        office.port = port
        yield office


@pytest.fixture
def tollgate(tollgate, office):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    fields |= {"smtp_url": f"smtp://127.0.0.1:{office.port}", "mail_from": "Shop <shop@example.com>"}
    settings = type(tollgate.settings)(_env_file=None, **fields, operator_email=OPERATOR)
    return replace(tollgate, settings=settings)


@pytest.fixture
def post(tollgate):
    """Let the worker carry everything that is due."""
    return lambda: outbox.run_due(tollgate, CARRIERS)


@pytest.fixture
def paid(tollgate, buy, stripe, clock, notify, post):
    """Buy, pay, and let the letters go out."""

    def _paid(*, payer=None, **more):
        opened = buy(**{"email": BUYER, **more})
        receive(tollgate, "stripe", notify(stripe.pay(at=clock.now, payer_email=payer)))
        post()
        return opened

    return _paid


@pytest.fixture
def sent(office):
    """Letters by whom they went to and what they are about."""
    return lambda: {(letter["To"], letter["Subject"]) for letter in office.letters}


def text(letter, kind="plain"):
    return letter.get_body((kind,)).get_content()


def test_a_payment_is_receipted_and_the_activation_told(paid, sent):
    paid()
    assert sent() == {(BUYER, "Your receipt: Pro"), (BUYER, "An API key was activated by your payment")}


def test_the_activation_goes_to_who_really_paid(paid, sent):
    paid(payer=PAYER)
    assert (PAYER, "An API key was activated by your payment") in sent()


def test_an_order_without_an_address_is_receipted_to_its_payer(paid, sent):
    paid(email=None, payer=PAYER)
    assert (PAYER, "Your receipt: Pro") in sent()


def test_a_french_order_gets_french_letters(paid, sent):
    paid(locale="fr-CA")
    assert (BUYER, "Votre reçu\N{NO-BREAK SPACE}: Pro") in sent()


def test_a_letter_has_text_and_html_and_says_the_amount(paid, office):
    paid()
    assert all("$12.00" in text(office.letters[0], kind) for kind in ("plain", "html"))


def test_no_letter_and_no_parcel_holds_the_key(paid, office, rows):
    secret = paid().api_key.reveal()
    assert secret not in "".join(map(str, office.letters)) + "".join(str(row.payload) for row in rows(Parcel))


def test_the_same_facts_again_write_no_second_letter(paid, tollgate, stripe, clock, notify, post, office):
    paid()
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now), "evt_2"))
    post()
    assert len(office.letters) == 2


def test_without_a_mail_server_there_are_no_letters(tollgate, buy, stripe, clock, notify, rows):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    bare = type(tollgate.settings)(_env_file=None, **{**fields, "smtp_url": None})
    buy(email=BUYER)
    receive(replace(tollgate, settings=bare), "stripe", notify(stripe.pay(at=clock.now)))
    assert [row for row in rows(Parcel) if row.kind == "mail"] == []


def test_a_retry_carries_the_same_message_id(paid, tollgate, office, rows):
    paid()
    parcel = next(row for row in rows(Parcel) if row.payload.get("letter") == "receipt")
    CARRIERS["mail"](tollgate, parcel.payload)
    receipts = [letter["Message-ID"] for letter in office.letters if "receipt" in letter["Subject"]]
    assert receipts == [f"<{parcel.payload['message']}@example.com>"] * 2


def test_a_busy_mail_server_is_asked_again(paid, office, clock, post):
    office.answer = "451 later"
    paid()
    office.answer = "250 OK"
    clock.forward(seconds=10)
    post()
    assert len(office.letters) == 2


def test_a_refused_address_is_not_tried_again(paid, office, rows):
    office.refused = "550 nobody here"
    paid()
    assert {row.payload["letter"] for row in rows(Parcel) if row.state == "parked"} == {"receipt", "activated"}


def test_a_line_break_in_an_address_sends_nothing(tollgate, office):
    with tollgate.db.write() as session:
        letters.write(
            session, tollgate, "endpoint", "x", {"endpoint": "e", "url": "u", "why": "w"},
            to="a@example.com\nBcc: b@example.com", now=tollgate.clock(),
        )  # fmt: skip
    outbox.run_due(tollgate, CARRIERS)
    assert office.letters == []


@pytest.mark.parametrize(
    ("days", "subject"), [(23, "Your plan Pro ends in 7 days"), (29, "Your plan Pro ends in 1 day")]
)
def test_a_prepaid_term_is_reminded_of_before_its_end(paid, clock, post, sent, days, subject):
    paid()
    clock.forward(days=days, seconds=1)
    post()
    assert (BUYER, subject) in sent()


def test_a_reminder_tells_the_end_of_the_days_of_grace_too(paid, clock, post, office):
    paid()
    clock.forward(days=23, seconds=1)
    post()
    assert "stops working on 4 December 2026" in " ".join(text(office.letters[-1]).split())


def test_who_renewed_meanwhile_is_not_reminded(paid, tollgate, buy, stripe, clock, notify, post, sent, rows):
    paid()
    buy(renews=rows(Order)[0].entitlement_id)
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now), "evt_2"))
    clock.forward(days=29, seconds=1)
    post()
    assert not [subject for _, subject in sent() if "ends in" in subject]


def test_money_that_does_not_match_is_told_to_the_operator(tollgate, buy, stripe, clock, notify, post, office):
    buy()
    reference = stripe.pay(at=clock.now)
    answer = stripe.answers[reference]
    stripe.answers[reference] = replace(answer, sold=replace(answer.sold, price="price_other"))
    receive(tollgate, "stripe", notify(reference))
    post()
    assert [(letter["To"], letter["Subject"]) for letter in office.letters] == [
        (OPERATOR, "An order needs attention: mismatch")
    ]


def test_a_card_that_cannot_be_charged_is_told_once_a_period(paid, tollgate, stripe, clock, notify, post, office):
    paid()
    late = Agreement("sub_1", AgreementState.PAST_DUE, price="price_pro")
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now, agreement=late), "evt_2"))
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now, agreement=late), "evt_3"))
    post()
    assert [letter["Subject"] for letter in office.letters[2:]] == ["Your payment did not go through: Pro"]


def test_a_payer_who_bought_nothing_raises_attention(paid, tollgate, office, post, order_row):
    paid(payer=PAYER)
    activated = next(letter for letter in office.letters if letter["To"] == PAYER)
    tell(tollgate, text(activated).partition("/not-mine/")[2].split()[0])
    post()
    assert order_row().attention == "not_theirs"
    assert office.letters[-1]["To"] == OPERATOR


def test_a_flag_that_was_resolved_is_not_written_about(tollgate, office, post, buy, rows):
    buy()
    with tollgate.db.write() as session:
        order = session.get_one(Order, rows(Order)[0].id)
        order.flags, order.attention = {"mismatch:x": {"detail": "…", "open": True}}, "mismatch"
        news.of_flags(session, tollgate, order, now=tollgate.clock())
        order.flags, order.attention = {"mismatch:x": {"detail": "…", "open": False}}, None
    post()
    assert office.letters == []
