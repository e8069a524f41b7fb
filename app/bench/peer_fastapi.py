"""FastAPI with slowapi on Redis, headers on, the key looked up in SQLite: `uvicorn --factory app.bench.peer_fastapi:make`."""

import os
import sqlite3
from pathlib import Path

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import APIKeyHeader
from slowapi import Limiter

from app.bench.peer_keys import digest, table

KEY = Depends(APIKeyHeader(name="X-API-Key"))  # answers 401 itself where there is none


def make() -> FastAPI:
    """The application."""
    database = sqlite3.connect(table(Path(os.environ["BENCH_FOLDER"])))
    limiter = Limiter(lambda request: request.state.holder, storage_uri=os.environ["REDIS_URL"], headers_enabled=True)
    app = FastAPI()
    app.state.limiter = limiter

    async def known(request: Request, key: str = KEY) -> None:
        row = database.execute("SELECT holder FROM keys WHERE digest = ?", (digest(key),)).fetchone()
        if row is None:
            raise HTTPException(401)
        request.state.holder = row[0]

    limited = limiter.limit("900000000/minute")(hello)
    app.get("/hello", dependencies=[Depends(known)])(limited)
    return app


async def hello(request: Request, response: Response) -> dict[str, object]:  # noqa: ARG001 (slowapi asks for both)
    """The same JSON as everywhere."""
    return {"id": "rep_1", "title": "Figures of the day", "values": [1, 2, 3]}
