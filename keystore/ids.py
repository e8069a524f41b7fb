"""Prefixed public ids: `ord_…`, `chk_…`, `pay_…`, `ent_…`, `key_…`, `cus_…`."""

import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 22  # 62**22 > 2**130: nobody guesses a neighbour


def base62(number: int, width: int) -> str:
    """`number` in base 62, left-padded with zeros to `width` characters."""
    digits = []
    while number:
        number, rest = divmod(number, 62)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits)).rjust(width, "0")


def new_id(prefix: str, length: int = LENGTH) -> str:
    """A fresh random id such as `ord_4fJ…`."""
    return prefix + "_" + "".join(secrets.choice(ALPHABET) for _ in range(length))
