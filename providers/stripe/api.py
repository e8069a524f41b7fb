"""The real SDK, held short: our session, no hidden retries, plain dicts out, our errors."""

from collections.abc import Callable
from typing import Any, Final

import stripe

from providers.base import ProviderError, Refused, Unavailable, Unknown
from providers.http import make_session
from providers.reading import ident, objects

PAGES: Final = 3  # of 100 each: enough for 25 years of monthly invoices


class Api:
    """Stripe's v1 API."""

    def __init__(self, secret_key: str, api_base: str | None, timeout: float) -> None:
        self._secret_key = secret_key
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base.rstrip("/")} if api_base else {},
            http_client=stripe.RequestsClient(timeout=timeout, session=make_session(timeout)),
            max_network_retries=0,  # the session retries GETs once; the SDK's own retries would break the time bound
        )
        self.v1 = self._client.v1

    def call(self, method: Callable[..., Any], *args: Any) -> stripe.StripeObject:
        """The SDK's own answer. Raises Unavailable, Refused, Unknown."""
        try:
            answer = method(*args)
        except stripe.StripeError as error:
            raise self._translated(error) from error
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            raise Unavailable(f"Stripe's answer has an unknown shape: {type(error).__name__}") from error
        if not isinstance(answer, stripe.StripeObject):
            raise Unavailable("Stripe's answer is no object")
        return answer

    def ask(self, method: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """The answer as plain data: since version 15 the SDK's objects are no dicts. Raises as `call`."""
        return self.call(method, *args).to_dict()

    def find(self, method: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """The answer, or {} where there is nothing under that id."""
        try:
            return self.ask(method, *args)
        except Unknown:
            return {}

    def pages(self, method: Callable[..., Any], *ids: str, **params: Any) -> list[dict[str, Any]]:
        """What a list holds, newest first, up to PAGES pages; [] where the list is unknown."""
        found: list[dict[str, Any]] = []
        for _ in range(PAGES):
            page = self.find(method, *ids, {"limit": 100, **params})
            found += objects(page, "data")
            last = ident(found[-1]) if found else None
            if page.get("has_more") is not True or last is None:
                break
            params["starting_after"] = last
        return found

    def _translated(self, error: stripe.StripeError) -> ProviderError:
        status = error.http_status or 0
        said = f"Stripe said {status or 'nothing'}: {error.user_message or type(error).__name__}"
        said = said.replace(self._secret_key, "…")[:500]
        if isinstance(error, stripe.APIConnectionError):
            return Unavailable(f"Stripe did not answer: {str(error.__cause__)[:300]}")
        if status == 404 or error.code == "resource_missing":
            return Unknown(said)
        if isinstance(
            error, stripe.RateLimitError | stripe.APIError
        ):  # 5xx, 409 (the same request still runs), garbage
            return Unavailable(said, definite=status >= 500)
        return Refused(said)
