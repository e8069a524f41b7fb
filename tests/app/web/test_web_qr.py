"""The pay link as a picture, for whoever pays with a phone."""

import re

import pytest
import segno

from app.web.qr import LONGEST, qr_code

LINK = "https://pay.example/i/4fJkQw81"


@pytest.fixture
def page(client, html, order):
    """The page of an order, as the browser that holds its key sees it."""
    client.set_cookie(f"tg_{order['id']}", order["api_key"])
    return lambda: client.get(f"/orders/{order['id']}", headers=html).text


def drawn(svg):
    """The dark runs of a picture."""
    return re.search(r'class="qrline" stroke="#000" d="([^"]+)"', svg)[1]


def test_an_open_payment_has_a_picture_of_its_link_with_words_for_who_sees_none(page, order):
    shown = page()
    assert drawn(shown) == drawn(qr_code(order["checkout_url"]))
    assert 'role="img" aria-label="QR code: the link of the button above"' in shown


def test_a_rail_on_which_nothing_is_open_has_no_picture(page):
    assert page().count("<svg") == 1


def test_a_paid_order_has_no_picture(web_tollgate, page, btcpay, clock):
    btcpay.pay(at=clock())
    assert "<svg" not in page()


def test_the_picture_says_the_link_and_nothing_else():
    assert drawn(qr_code(LINK)) == drawn(segno.make_qr(LINK, error="l").svg_inline(border=4))
    assert drawn(qr_code(LINK)) != drawn(qr_code(LINK + "0"))


def test_the_picture_is_dark_on_light_with_a_margin_wherever_it_stands():
    size = len(segno.make_qr(LINK, error="l").matrix) + 8
    assert f'viewBox="0 0 {size} {size}"' in qr_code(LINK)
    assert f'fill="#fff" d="M0 0h{size}v{size}h-{size}z"' in qr_code(LINK)


def test_a_link_that_no_camera_could_read_has_no_picture():
    assert qr_code("https://pay.example/" + "x" * LONGEST) is None
