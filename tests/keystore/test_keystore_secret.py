"""The key as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystore import ParsedKey, Peppers, Secret, derive_seed, generate, hint, mac, parse
from keystore.ids import ALPHABET

SEED = bytes(range(32))
ID12 = "4fJkQw81ZzAa"
_, KEY = generate("test", prefix="tg", seed=SEED, key_id12=ID12)
TEXT = KEY.reveal()
anything = st.text(st.characters())  # surrogates too


@given(
    mode=st.sampled_from(["live", "test"]),
    prefix=st.from_regex(r"\A[a-z][a-z0-9]{0,15}\Z"),
    seed=st.binary(min_size=32, max_size=32),
    id12=st.text(ALPHABET, min_size=12, max_size=12),
)
def test_every_generated_key_parses_to_its_parts(mode, prefix, seed, id12):
    key_id, secret = generate(mode, prefix=prefix, seed=seed, key_id12=id12)

    assert parse(secret.reveal(), prefix=prefix) == ParsedKey(mode, id12, secret.reveal())
    assert key_id == f"key_{id12}"


def test_a_key_has_the_promised_shape():
    assert TEXT.startswith(f"tg_test_{ID12}_")
    assert len(TEXT) == len(f"tg_test_{ID12}_") + 43 + 6


def test_ids_are_random_when_none_is_given():
    assert generate("live", prefix="tg", seed=SEED)[0] != generate("live", prefix="tg", seed=SEED)[0]


@given(anything)
def test_noise_is_malformed_and_never_an_error(text):
    assert parse(text) is None


@given(place=st.integers(0, len(TEXT) - 1), other=st.characters())
def test_no_character_of_a_key_can_be_replaced(place, other):
    changed = TEXT[:place] + other + TEXT[place + 1 :]

    assert (parse(changed) is None) == (changed != TEXT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT + "\n",
        " " + TEXT,
        TEXT[:-1],
        TEXT + "0",
        TEXT.upper(),
        TEXT.replace("test", "live"),
        TEXT.replace("tg_", "xx_"),
        TEXT.replace("4fJk", "4fJ\N{FULLWIDTH DIGIT ONE}"),
        TEXT.replace("4fJk", "4fJ\udc80"),
        TEXT * 20_000,
    ],
)
def test_near_misses_are_malformed(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("mode", "prefix", "seed", "id12"),
    [
        ("prod", "tg", SEED, ID12),
        ("test", "TG", SEED, ID12),
        ("test", "t_g", SEED, ID12),
        ("test", "", SEED, ID12),
        ("test", "tg", SEED[:31], ID12),
        ("test", "tg", SEED + b"0", ID12),
        ("test", "tg", SEED, "short"),
        ("test", "tg", SEED, "not-base62!!"),
    ],
)
def test_nothing_is_generated_that_would_not_parse(mode, prefix, seed, id12):
    with pytest.raises(ValueError):
        generate(mode, prefix=prefix, seed=seed, key_id12=id12)


def test_a_derived_seed_is_found_again():
    assert derive_seed(b"secret key", "idem", "key_1") == derive_seed(b"secret key", "idem", "key_1")
    assert len(derive_seed(b"secret key", "idem", "key_1")) == 32


@pytest.mark.parametrize(
    "other", [(b"other key", "idem", "key_1"), (b"secret key", "other", "key_1"), (b"secret key", "idem", "key_2")]
)
def test_a_derived_seed_depends_on_all_it_is_made_of(other):
    assert derive_seed(b"secret key", "idem", "key_1") != derive_seed(*other)


def test_no_seed_is_derived_from_an_empty_secret_key():
    with pytest.raises(ValueError):
        derive_seed(b"", "idem", "key_1")


@pytest.mark.parametrize("shown", [repr(KEY), str(KEY), f"{KEY}", f"{KEY!r:>9}", repr([KEY]), repr(parse(TEXT))])
def test_a_secret_does_not_show_itself(shown):
    assert TEXT[-49:] not in shown


def test_secrets_compare_by_what_they_hide():
    assert Secret(TEXT) == KEY
    assert KEY not in (Secret("other"), TEXT)


def test_a_hint_shows_the_id_and_the_last_four():
    assert hint(TEXT) == f"tg_test_{ID12}_…{TEXT[-4:]}"


def test_the_first_pepper_makes_new_macs():
    peppers = Peppers.parse("v2:the second pepper, v1:the very first pepper")

    assert peppers.current == "v2"
    assert peppers.mac(TEXT) == mac(b"the second pepper", TEXT)


def test_every_pepper_in_force_is_accepted():
    peppers = Peppers.parse("v2:the second pepper,v1:the very first pepper")

    assert peppers.matches(TEXT, stored=mac(b"the very first pepper", TEXT), label="v1")


@pytest.mark.parametrize("label", ["v2", "v0"])
def test_a_mac_is_compared_under_its_own_pepper_only(label):
    peppers = Peppers.parse("v2:the second pepper,v1:the very first pepper")

    assert not peppers.matches(TEXT, stored=mac(b"the very first pepper", TEXT), label=label)


def test_all_mistakes_in_peppers_are_named_and_none_is_shown():
    with pytest.raises(ValueError) as caught:
        Peppers.parse("v3:tooshort,nolabelatall,v3:long enough but twice")

    assert str(caught.value) == (
        "pepper v3 is shorter than 16 bytes; pepper 2 is not <label>:<secret>; label v3 is used twice"
    )


def test_peppers_do_not_show_themselves():
    assert "first pepper" not in repr(Peppers.parse("v1:the very first pepper"))
