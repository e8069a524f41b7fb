import pytest

from app.web.client_address import bucket, client_address

PROXIES = ("10.0.0.0/8", "127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
        ("127.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("127.0.0.1", "198.51.100.9, 10.1.2.3", "198.51.100.9"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.9", "198.51.100.9"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.9, nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
        (None, "198.51.100.9", "unknown"),
    ],
)
def test_only_trusted_proxies_are_believed(peer, forwarded, expected):
    assert client_address(peer, forwarded, PROXIES) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("", "198.51.100.9", "198.51.100.9"),
        ("", "6.6.6.6, 198.51.100.9, 10.1.2.3", "198.51.100.9"),
        ("", None, "unknown"),
        ("", "nonsense", "unknown"),
        (None, "198.51.100.9", "unknown"),
        ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
    ],
)
def test_a_proxy_on_a_unix_socket_is_believed_where_the_operator_says_so(peer, forwarded, expected):
    assert client_address(peer, forwarded, (*PROXIES, "unix")) == expected


def test_a_proxy_on_a_unix_socket_is_not_believed_by_itself():
    assert client_address("", "198.51.100.9", PROXIES) == "unknown"


def test_addresses_of_one_ipv6_network_share_a_bucket():
    assert bucket("2001:db8:1:2::1") == bucket("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"


@pytest.mark.parametrize("address", ["192.0.2.1", "unknown"])
def test_other_addresses_are_their_own_bucket(address):
    assert bucket(address) == address
