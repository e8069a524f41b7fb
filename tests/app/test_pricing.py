"""Prices that the provider keeps: asked for seldom, also while it is away."""

import pytest

from app.pricing import PriceBook
from providers.base import Unavailable


class Shelf:
    """A provider's prices; counts how often it is asked."""

    def __init__(self):
        self.asked, self.answer = 0, "price"

    def price(self, _reference):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def look(shelf, clock):
    book = PriceBook()
    return lambda: book.price(shelf, "price_pro", now=clock.now, hurry=True)


def test_a_price_is_asked_for_once_in_five_minutes(look, shelf, clock):
    look()
    clock.forward(minutes=4)
    assert (look(), shelf.asked) == ("price", 1)


def test_an_old_price_serves_while_the_provider_is_away(look, shelf, clock):
    look()
    shelf.answer = Unavailable("down")
    clock.forward(hours=1)
    assert look() == "price"


def test_a_provider_that_is_away_is_left_alone_for_a_while(look, shelf):
    shelf.answer = Unavailable("down")
    assert ([failed(look), failed(look)], shelf.asked) == ([True, True], 1)


def test_it_is_asked_again_after_that(look, shelf, clock):
    shelf.answer = Unavailable("down")
    assert failed(look)
    shelf.answer = "price"
    clock.forward(seconds=11)
    assert look() == "price"


def failed(look):
    try:
        look()
    except Unavailable:
        return True
    return False
