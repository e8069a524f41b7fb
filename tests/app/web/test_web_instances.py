"""`instance` of a problem is the address that was asked for, written the same by Tollgate itself and by its middleware."""

import pytest
from werkzeug.test import Client

from app.doors import TollgateMiddleware

PATHS = {
    "/v1/orders/ord_1": "/v1/orders/ord_1",
    "/": "/",
    "/größe": "/gr%C3%B6%C3%9Fe",
    "/two words?": "/two%20words%3F",
    "/50%": "/50%25",
    "/a/b:c@d;e=f,g+h~(i)!*'$&": "/a/b:c@d;e=f,g+h~(i)!*'$&",
    '/"<script>': "/%22%3Cscript%3E",
    "//elsewhere.test/x": "/elsewhere.test/x",
}


def inside(_environ, _start_response):
    raise AssertionError("nobody has a key here")


@pytest.fixture(params=["ours", "middleware"])
def asked(request, web):
    """What is said to a request of this PATH_INFO (as bytes) and SCRIPT_NAME that leads nowhere or has no key."""
    application = {"ours": web, "middleware": TollgateMiddleware(inside, verifier=None)}[request.param]

    def _asked(path, mounted=b""):
        names = {"PATH_INFO": path.decode("latin-1"), "SCRIPT_NAME": mounted.decode("latin-1")}
        return Client(application).delete("/", environ_overrides=names)

    return _asked


@pytest.mark.parametrize(("path", "written"), PATHS.items())
def test_an_instance_is_the_path_as_an_address_writes_it(asked, path, written):
    assert asked(path.encode()).json["instance"] == written


def test_bytes_that_are_no_text_are_written_all_the_same(asked):
    assert asked(b"/\xff").json["instance"] == "/%FF"


@pytest.mark.parametrize(("path", "written"), [(b"/x", "/caf%C3%A9/x"), (b"", "/caf%C3%A9")])
def test_an_instance_has_the_prefix_of_a_mounted_application(asked, path, written):
    assert asked(path, "/café".encode()).json["instance"] == written


def test_a_wrong_method_is_told_the_right_ones_in_one_order(client):
    assert client.post("/v1/orders/ord_1").headers["Allow"] == "GET, HEAD, OPTIONS"
