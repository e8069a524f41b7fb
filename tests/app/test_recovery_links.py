"""A lost key, from the question to the new key: mailed once, shown once, and nothing given away."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from post_office import post_office
from sqlalchemy import event

from app import keys, outbox, recovery
from app.books import keystore
from app.carriers import CARRIERS
from app.gate import Gate, Outcome
from app.ingest import receive
from app.models import AuditEntry, Order, Parcel, Recovery
from app.problems import LinkSpent
from app.recovery import GRACE_SECONDS
from keystore.models import ApiKey
from keystore.secret import Secret

BUYER = "Buyer@example.com"
DAY = GRACE_SECONDS


@pytest.fixture
def office():
    with post_office() as (office, port):
        office.port = port
        yield office


@pytest.fixture
def tollgate(tollgate, office):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    fields |= {"smtp_url": f"smtp://127.0.0.1:{office.port}", "mail_from": "shop@example.com"}
    return replace(tollgate, settings=type(tollgate.settings)(_env_file=None, **fields))


@pytest.fixture
def work(tollgate):
    """The parcel of the question, then the letter it leads to."""
    return lambda: [outbox.run_due(tollgate, CARRIERS) for _ in range(2)]


@pytest.fixture
def mailed(tollgate, office, work):
    """Ask; the tokens in the letters that come of it."""

    def _mailed(email=BUYER):
        office.letters.clear()
        recovery.ask(tollgate, email)
        work()
        texts = [letter.get_body(("plain",)).get_content() for letter in office.letters]
        return [Secret(part.split()[0]) for text in texts for part in text.split("/recover#")[1:]]

    return _mailed


@pytest.fixture
def paid(tollgate, buy, stripe, clock, notify, work):
    opened = buy(email=BUYER)
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now)))
    work()
    return opened


@pytest.fixture
def outcome(tollgate):
    return lambda key: Gate(tollgate).decide({"X-API-Key": key.reveal()}).outcome


def test_the_link_gives_a_key_that_works(tollgate, paid, mailed, outcome):
    (token,) = mailed()
    assert outcome(recovery.claim(tollgate, token, grace_seconds=DAY).api_key) is Outcome.ALLOWED


def test_asking_changes_nothing(paid, mailed, outcome, rows):
    mailed()
    assert outcome(paid.api_key) is Outcome.ALLOWED
    assert len(rows(ApiKey)) == 1


@pytest.mark.parametrize("email", ["buyer@EXAMPLE.com", "BUYER@example.com"])
def test_capitals_do_not_matter(paid, mailed, email):
    assert len(mailed(email)) == 1


def test_the_letter_goes_to_the_address_on_the_books(paid, mailed, office):
    mailed("BUYER@example.com")
    assert [letter["To"] for letter in office.letters] == [BUYER]


def test_nobody_else_is_written_to(paid, mailed, office):
    mailed("stranger@example.com")
    assert office.letters == []


def test_asking_leaves_the_same_rows_for_every_address(tollgate, paid, rows):
    recovery.ask(tollgate, BUYER)
    recovery.ask(tollgate, "stranger@example.com")
    assert [row.kind for row in rows(Parcel) if row.state == "due" and row.kind != "mail"] == ["recover"] * 2


@pytest.mark.parametrize("grace_seconds", [0, DAY])
def test_the_holder_decides_when_the_old_key_ends(tollgate, paid, mailed, outcome, grace_seconds):
    (token,) = mailed()
    recovery.claim(tollgate, token, grace_seconds=grace_seconds)
    expected = {0: Outcome.REVOKED_KEY, DAY: Outcome.ALLOWED}
    assert outcome(paid.api_key) is expected[grace_seconds]


def test_after_a_day_the_old_key_has_ended(tollgate, paid, mailed, outcome, clock):
    (token,) = mailed()
    recovery.claim(tollgate, token, grace_seconds=DAY)
    clock.forward(hours=24)
    assert outcome(paid.api_key) is Outcome.REVOKED_KEY


def test_claiming_again_gives_the_same_key(tollgate, paid, mailed, clock):
    (token,) = mailed()
    first = recovery.claim(tollgate, token, grace_seconds=DAY)
    clock.forward(minutes=10)
    again = recovery.claim(tollgate, token, grace_seconds=DAY)
    assert (again.key_id, again.api_key.reveal()) == (first.key_id, first.api_key.reveal())


def test_claiming_again_can_still_end_the_old_key(tollgate, paid, mailed, outcome):
    (token,) = mailed()
    recovery.claim(tollgate, token, grace_seconds=DAY)
    recovery.claim(tollgate, token, grace_seconds=0)
    assert outcome(paid.api_key) is Outcome.REVOKED_KEY


def spent(tollgate, token):
    with pytest.raises(LinkSpent):
        recovery.claim(tollgate, token, grace_seconds=DAY)


def test_ten_minutes_later_the_link_is_spent(tollgate, paid, mailed, clock):
    (token,) = mailed()
    recovery.claim(tollgate, token, grace_seconds=DAY)
    clock.forward(minutes=10, seconds=1)
    spent(tollgate, token)


def test_the_first_use_of_the_new_key_spends_the_link(tollgate, paid, mailed, outcome):
    (token,) = mailed()
    outcome(recovery.claim(tollgate, token, grace_seconds=DAY).api_key)
    spent(tollgate, token)


def test_an_old_link_is_spent(tollgate, paid, mailed, clock):
    (token,) = mailed()
    clock.forward(hours=2)
    spent(tollgate, token)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "\N{SNOWMAN}"])
def test_what_is_no_token_of_ours_is_spent(tollgate, paid, token):
    spent(tollgate, Secret(token))


def test_many_claims_at_once_give_one_key(tollgate, paid, mailed, rows):
    (token,) = mailed()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: recovery.claim(tollgate, token, grace_seconds=DAY), range(8)))
    assert len({one.api_key.reveal() for one in found}) == 1
    assert len(rows(ApiKey)) == 2


def test_an_unpaid_key_is_replaced_and_works_when_the_payment_comes(
    tollgate, buy, stripe, clock, notify, mailed, outcome
):
    buy(email=BUYER)
    (token,) = mailed()
    key = recovery.claim(tollgate, token, grace_seconds=DAY).api_key
    assert outcome(key) is Outcome.PAYMENT_REQUIRED
    receive(tollgate, "stripe", notify(stripe.pay(at=clock.now)))
    assert outcome(key) is Outcome.ALLOWED


def test_an_address_with_several_plans_gets_a_link_for_each(buy, mailed):
    buy(email=BUYER)
    buy("btcpay", "team", email=BUYER)
    assert len(mailed()) == 2


def test_a_link_is_for_its_own_entitlement(tollgate, buy, mailed):
    orders = {buy(plan=plan, provider="btcpay", email=BUYER).order.id for plan in ("pro", "team")}
    found = [recovery.claim(tollgate, token, grace_seconds=DAY) for token in mailed()]
    assert {one.order for one in found} == orders


def test_what_was_revoked_comes_back_for_nobody(tollgate, paid, mailed, rows):
    (token,) = mailed()
    entitlement = rows(Order)[0].entitlement_id
    with tollgate.db.write() as session:
        keystore(session, tollgate).lock(entitlement).status = "revoked"
    spent(tollgate, token)


def test_no_row_holds_a_token_or_a_new_key(tollgate, paid, mailed, rows):
    (token,) = mailed()
    key = recovery.claim(tollgate, token, grace_seconds=DAY).api_key
    written = str([vars(row) for model in (Parcel, Recovery, AuditEntry) for row in rows(model)])
    assert token.reveal() not in written
    assert key.reveal() not in written


def test_the_order_names_the_new_key(tollgate, paid, mailed, order_row):
    (token,) = mailed()
    assert recovery.claim(tollgate, token, grace_seconds=DAY).key_id == order_row().key_id


def test_a_parcel_carried_twice_mails_one_letter(tollgate, paid, office, work, rows):
    office.letters.clear()
    recovery.ask(tollgate, BUYER)
    work()
    CARRIERS["recover"](tollgate, next(row for row in rows(Parcel) if row.kind == "recover").payload)
    work()
    assert (len(office.letters), len(rows(Recovery))) == (1, 1)


def test_without_a_mail_server_nothing_is_kept_of_what_strangers_ask(tollgate, rows):
    fields = {name: getattr(tollgate.settings, name) for name in tollgate.settings.model_fields_set}
    bare = replace(tollgate, settings=type(tollgate.settings)(_env_file=None, **{**fields, "smtp_url": None}))
    recovery.ask(bare, BUYER)
    assert rows(Parcel) == []


def test_an_operator_can_reissue_for_who_has_no_address(tollgate, buy, outcome, rows):
    opened = buy()
    new = recovery.reissue(tollgate, opened.order.entitlement, actor="admin", grace_seconds=0)
    assert (new.previous_id, outcome(new.api_key)) == (opened.order.key_id, Outcome.PAYMENT_REQUIRED)
    assert [row.actor for row in rows(AuditEntry) if row.action == "key.reissued"] == ["admin"]


def test_who_was_given_a_key_can_recover_it(tollgate, mailed, outcome):
    keys.create(tollgate, keys.KeyOrder("pro", email=BUYER), actor="test")
    (token,) = mailed()
    assert outcome(recovery.claim(tollgate, token, grace_seconds=DAY).api_key) is Outcome.ALLOWED


def test_asking_is_the_same_work_for_strangers(tollgate, paid):
    """Statement by statement: what differs is left to the worker."""
    assert statements(tollgate, BUYER) == statements(tollgate, "stranger@example.com")


def statements(tollgate, email):
    heard = []

    def note(_connection, _cursor, statement, *_rest):
        heard.append(statement)

    event.listen(tollgate.db.engine, "before_cursor_execute", note)
    recovery.ask(tollgate, email)
    event.remove(tollgate.db.engine, "before_cursor_execute", note)
    return heard
