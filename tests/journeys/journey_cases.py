"""The gate's cases, as they go over the wire, and what is to be the same whichever server answers."""

import os

import requests
from journey_shop import Bought, Shop

from keystore import generate

SERVICE_TOKEN = "r2Qx8Tn4Yb6Hs1Mf3Pc5"
CHANGES = {"date", "server", "connection", "keep-alive", "x-request-id", "content-length", "transfer-encoding"}
JSON = {"Content-Type": "application/json"}


def play(shop: Shop, paid: Bought, unpaid: Bought, full: Bought) -> dict[str, tuple]:
    """Status, names of headers, and the answer's shape or code, by case. `full` may ask three times a minute."""
    unknown = generate("test", prefix="tg", seed=os.urandom(32))[1].reveal()
    shown, service = {"X-API-Key": paid.key}, {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    asked = service | JSON
    cases = {
        "no key": ("GET", "/v1/whoami", {}, None),
        "malformed": ("GET", "/v1/whoami", {"X-API-Key": "nonsense"}, None),
        "unknown": ("GET", "/v1/whoami", {"X-API-Key": unknown}, None),
        "not ASCII": ("GET", "/v1/whoami", {"X-API-Key": "schlüssel".encode("latin-1")}, None),
        "two keys": ("GET", "/v1/whoami", shown | {"Authorization": f"Bearer {unpaid.key}"}, None),
        "in the query": ("GET", f"/v1/whoami?key={paid.key}", {}, None),
        "unpaid": ("GET", "/v1/whoami", {"X-API-Key": unpaid.key}, None),
        "paid": ("GET", "/v1/whoami", shown, None),
        "bearer": ("GET", "/v1/whoami", {"Authorization": f"bearer {paid.key}"}, None),
        "head": ("HEAD", "/v1/whoami", shown, None),
        "wrong method": ("DELETE", "/v1/whoami", shown, None),
        "authz": ("GET", "/v1/authz", shown, None),
        "authz, posted": ("POST", "/v1/authz", shown, "a body that is not read"),
        "authz for nginx": ("GET", "/v1/authz?mode=nginx", {"X-API-Key": unpaid.key}, None),
        "authz without sense": ("GET", "/v1/authz?cost=0", shown, None),
        "authz lacks a scope": ("GET", "/v1/authz?scope=nobody:has", shown, None),
        "verify": ("POST", "/v1/keys/verify", asked, f'{{"key": "{paid.key}"}}'),
        "verify unknown": ("POST", "/v1/keys/verify", asked, f'{{"key": "{unknown}"}}'),
        "verify without token": ("POST", "/v1/keys/verify", JSON, f'{{"key": "{paid.key}"}}'),
        "verify with a wrong token": ("POST", "/v1/keys/verify", JSON | {"Authorization": "Bearer wrong"}, "{}"),
        "verify nothing": ("POST", "/v1/keys/verify", asked, ""),
        "verify no JSON": ("POST", "/v1/keys/verify", asked, "{"),
        "verify a form": ("POST", "/v1/keys/verify", service, "key=1"),
        "verify for a cost of 0": ("POST", "/v1/keys/verify", asked, f'{{"key": "{paid.key}", "cost": 0}}'),
        "verify for too much": ("POST", "/v1/keys/verify", asked, f'{{"key": "{paid.key}", "cost": 1000000}}'),
        "nowhere": ("GET", "/v1/nowhere", shown, None),
    }
    said = {name: _said(shop, *case) for name, case in cases.items()}
    tries = (_said(shop, "GET", "/v1/whoami", {"X-API-Key": full.key}, None) for _ in range(9))
    return said | {"full": next(answer for answer in tries if answer[0] == 429)}


def _said(shop: Shop, method: str, path: str, headers: dict, body: str | None) -> tuple:
    answer = requests.request(method, shop.url + path, headers=headers, data=body, timeout=30)
    names = sorted(name.lower() for name in answer.headers if name.lower() not in CHANGES)
    return answer.status_code, names, _shape(answer)


def _shape(answer: requests.Response) -> object:
    """What does not differ from one order to the next."""
    if "json" not in answer.headers.get("Content-Type", "") or not answer.content:
        return answer.text
    said = answer.json()
    problem = said.get("problem") or {}
    return sorted(said), said.get("code"), said.get("title"), problem.get("code"), said.get("plan")
