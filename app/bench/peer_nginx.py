"""nginx + Lua + Redis: what a gateway written by hand for one API does. `python -m app.bench.peer_nginx PORT` becomes nginx.

Needs Debian's nginx with libnginx-mod-http-lua and lua-nginx-redis; BENCH_NGINX_ROOT names a folder where these packages are unpacked
instead of installed.
"""

import base64
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from redis import Redis

from app.bench.peer_keys import keys

ROOT = Path(os.environ.get("BENCH_NGINX_ROOT", "/"))
MODULES = ROOT / "usr/lib/nginx/modules"
LUA = ROOT / "usr/share/lua/5.1"
PREFIX = "nginx-lua:"
BATCH = 5_000
COUNT = """
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {used, redis.call('TTL', KEYS[1])}
"""
GATE = """
local key = ngx.var.http_x_api_key
if not key then return ngx.exit(401) end
local redis = require("nginx.redis"):new()
redis:set_timeout(250)
if not redis:connect("@HOST@", @PORT@) then return ngx.exit(503) end
local id = ngx.encode_base64(ngx.sha1_bin(key))
local holder = ngx.shared.keys:get(id)
if not holder then
  holder = redis:get("@PREFIX@" .. id)
  if not holder or holder == ngx.null then return ngx.exit(401) end
  ngx.shared.keys:set(id, holder, 30)
end
local count = redis:evalsha("@SHA@", 1, "@PREFIX@count:" .. holder, 60)
if not count then return ngx.exit(503) end
redis:set_keepalive(60000, 64)
local limit = 900000000
ngx.header["RateLimit-Policy"] = '"minute";q=' .. limit .. ';w=60'
ngx.header["RateLimit"] = '"minute";r=' .. (limit - count[1]) .. ';t=' .. count[2]
if count[1] > limit then return ngx.exit(429) end
"""
CONF = """
load_module @MODULES@/ndk_http_module.so;
load_module @MODULES@/ngx_http_lua_module.so;
daemon off; worker_processes 1; pid @FOLDER@/nginx.pid; error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path @FOLDER@/body; proxy_temp_path @FOLDER@/proxy; fastcgi_temp_path @FOLDER@/fastcgi;
  uwsgi_temp_path @FOLDER@/uwsgi; scgi_temp_path @FOLDER@/scgi;
  lua_package_path "@LUA@/?.lua;;"; lua_shared_dict keys 64m;
  server {
    listen 127.0.0.1:@LISTEN@;
    location /hello {
      default_type application/json;
      access_by_lua_block { @GATE@ }
      content_by_lua_block { ngx.say('{"id":"rep_1","title":"Figures of the day","values":[1,2,3]}') }
    }
  }
}
"""


def is_there() -> bool:
    """Whether nginx and both packages are."""
    needed = (MODULES / "ngx_http_lua_module.so", MODULES / "ndk_http_module.so", LUA / "nginx/redis.lua")
    return shutil.which("nginx") is not None and all(path.exists() for path in needed)


def _seed(redis: Redis, keys: Iterable[str]) -> None:
    """Keep the keys where nginx looks them up: by digest, each with its holder."""
    redis.script_load(COUNT)
    held = {PREFIX + _digest(key): f"holder{number}" for number, key in enumerate(keys)}
    names = list(held)
    for done in range(0, len(names), BATCH):
        redis.mset({name: held[name] for name in names[done : done + BATCH]})


def _digest(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()


def main(port: str) -> None:
    """Become nginx."""
    folder = Path.cwd() / f"nginx-{port}"
    folder.mkdir()
    with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        _seed(redis, keys(Path(os.environ["BENCH_FOLDER"])))
        where = redis.connection_pool.connection_kwargs
    filled = {  # in this order: the first one has some of the others in it
        "@GATE@": GATE,
        "@SHA@": hashlib.sha1(COUNT.encode(), usedforsecurity=False).hexdigest(),
        "@HOST@": str(where["host"]),
        "@PORT@": str(where["port"]),
        "@PREFIX@": PREFIX,
        "@MODULES@": str(MODULES),
        "@LUA@": str(LUA),
        "@FOLDER@": str(folder),
        "@LISTEN@": port,
    }
    (folder / "nginx.conf").write_text(_fill(CONF, filled))
    nginx = shutil.which("nginx") or "nginx"
    libraries = [str(path) for path in (ROOT / "usr/lib").glob("*-linux-gnu")] + [
        str(path) for path in (ROOT / "lib").glob("*-linux-gnu")
    ]
    environ = os.environ | ({"LD_LIBRARY_PATH": ":".join(libraries)} if Path("/") != ROOT else {})
    os.execve(nginx, [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], environ)  # noqa: S606 (no shell wanted)


def _fill(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(name, value)
    return template


if __name__ == "__main__":
    main(sys.argv[1])
