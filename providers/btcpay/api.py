"""The few calls of BTCPay's Greenfield API that we need, over `requests`: no client is kept up to date."""

from typing import Any, Final

from providers.http import fetch_json, make_session
from providers.reading import checked


class Api:
    """One store of one server. Store paths are the nested ones, which every server version knows."""

    def __init__(self, url: str, api_key: str, store_id: str, timeout: float) -> None:
        self.store_id: Final = store_id
        self.invoices: Final = f"/stores/{store_id}/invoices"
        self.rates: Final = f"/stores/{store_id}/rates"
        self._base = url.rstrip("/") + "/api/v1"
        self._session = make_session(timeout)
        self._session.headers["Authorization"] = f"token {api_key}"

    def get(self, path: str, **options: Any) -> Any:
        """The JSON answer. `options` are those of `requests`. Raises Unavailable, Refused, Unknown."""
        return fetch_json(self._session, "GET", self._base + path, **options)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer, asked for once. Raises Unavailable, Refused, Unknown."""
        return fetch_json(self._session, "POST", self._base + path, json=body)

    def invoice(self, reference: str) -> str:
        """The path of one invoice. Raises Unknown for what no invoice id looks like."""
        return f"{self.invoices}/{checked(reference)}"
