"""How people write where their Redis is."""

import pytest

from keystore.limits.address import Group, read_address


@pytest.mark.parametrize("url", ["redis://h", "redis://:pw@h:1/2", "rediss://h:6380", "unix:///run/redis.sock"])
def test_one_server_is_left_to_the_library(url):
    assert read_address(url) is None


@pytest.mark.parametrize(("url", "group"), [
    ("redis+cluster://a:7000,b:7001,c", Group("cluster", (("a", 7000), ("b", 7001), ("c", 6379)), {}, tls=False)),
    ("redis+cluster://a:7000,b:7001/", Group("cluster", (("a", 7000), ("b", 7001)), {}, tls=False)),
    ("rediss+cluster://us%40r:p%3Aw@a,[::1]:7000", Group("cluster", (("a", 6379), ("::1", 7000)), {"username": "us@r", "password": "p:w"}, tls=True)),
    ("redis+cluster://:pw@a", Group("cluster", (("a", 6379),), {"password": "pw"}, tls=False)),
    ("redis+sentinel://a,b:26380/main", Group("sentinel", (("a", 26379), ("b", 26380)), {}, tls=False, service="main")),
])  # fmt: skip
def test_several_servers_are_listed(url, group):
    assert read_address(url) == group


@pytest.mark.parametrize("url", ["", "http://h", "redis://", "redis://h:x", "redis://h/x", "redis+cluster://", "redis+cluster://a,,b", "redis+cluster://a:x", "redis+cluster://a:70000", "redis+cluster://a/3", "redis+cluster://a?x=1", "redis+sentinel://a", "redis+tcp://a"])  # fmt: skip
def test_anything_else_is_no_address(url):
    with pytest.raises(ValueError):
        read_address(url)
