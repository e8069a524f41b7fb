"""Django REST framework + djangorestframework-api-key + its own throttle, on Redis: the usual stack on Django's side."""

import os
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path
from sqlalchemy import make_url

BATCH = 5_000


def _database(folder: Path) -> dict[str, object]:
    """A file of its own, or its own tables in the benchmark's PostgreSQL."""
    url = make_url(os.environ["DATABASE_URL"])
    if url.get_backend_name() == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "drf.db"}
    names = {"NAME": url.database, "USER": url.username, "PASSWORD": url.password, "HOST": url.host, "PORT": url.port}
    return {"ENGINE": "django.db.backends.postgresql", **names}


def _configure(folder: Path) -> None:
    url = os.environ.get("REDIS_URL")
    cache = (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
        if url
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
    settings.configure(
        SECRET_KEY=os.environ["SECRET_KEY"],
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["rest_framework", "rest_framework_api_key"],
        DATABASES={"default": _database(folder) | {"CONN_MAX_AGE": None}},
        CACHES={"default": cache},
        MIDDLEWARE=[],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "UNAUTHENTICATED_USER": None,
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        API_KEY_CUSTOM_HEADER="HTTP_X_API_KEY",
    )
    django.setup()


FOLDER = Path(os.environ["BENCH_FOLDER"])
KEYS = FOLDER / "drf-api-key-keys.txt"
_configure(FOLDER)

from rest_framework.response import Response  # noqa: E402 (these read the settings)
from rest_framework.throttling import SimpleRateThrottle  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey, KeyParser  # noqa: E402


class PerKey(SimpleRateThrottle):  # type: ignore[misc]  # ships no types
    """As many a minute as nobody reaches; its log of times would otherwise be the whole cost."""

    rate = "1000/second"

    def get_cache_key(self, request: Any, view: Any) -> str:
        """The public half of the key."""
        return str(self.cache_format) % {
            "scope": type(view).__name__,
            "ident": str(KeyParser().get(request)).partition(".")[0],
        }


class Report(APIView):  # type: ignore[misc]  # ships no types
    """The same JSON as everywhere."""

    permission_classes = (HasAPIKey,)
    throttle_classes = (PerKey,)

    def get(self, _request: Any) -> Response:
        """Answer."""
        return Response({"id": "rep_1", "title": "Figures of the day", "values": [1, 2, 3]})


urlpatterns = [path("hello", Report.as_view())]


def make() -> WSGIApplication:
    """The application, with its own keys in its own table."""
    if not KEYS.exists():
        _seed()
    application: WSGIApplication = get_wsgi_application()
    return application


def _seed() -> None:
    from django.core.management import call_command  # noqa: PLC0415 (needs the settings)

    call_command("migrate", verbosity=0)
    keys: list[str] = []
    amount = int(os.environ["BENCH_KEYS"])
    while len(keys) < amount:
        rows = [APIKey(name="bench") for _ in range(min(BATCH, amount - len(keys)))]
        keys += [APIKey.objects.assign_key(row) for row in rows]
        APIKey.objects.bulk_create(rows)
    KEYS.write_text("".join(f"{key}\n" for key in keys))
