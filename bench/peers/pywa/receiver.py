# A peer: pywa's message handlers behind FastAPI. It stores every message that a handler gets durably before the answer.
# It must not store what pywa passes to no handler: pywa itself is what is measured.

import asyncio
import contextvars
import json
import os
import sqlite3

from fastapi import FastAPI, Request, Response
from pywa_async import WhatsApp
from pywa_async.types import Message

PATH = "/webhooks/whatsapp"

SCHEMA = "create table if not exists message (id text primary key, body text not null) without rowid"
INSERT = "insert or ignore into message (id, body) values (?, ?)"

# pywa logs an exception of a handler and answers 200; this variable tells the route that storing failed.
not_stored = contextvars.ContextVar("not_stored")


class Store:
    """Commits whatever waits in one transaction, in a thread, while the loop goes on."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            self.connection.execute(f"pragma {pragma}")
        self.connection.execute(SCHEMA)
        self.waiting: list[tuple[tuple[str, str], asyncio.Future]] = []
        self.writer: asyncio.Task | None = None

    async def add(self, message: str, body: str) -> None:
        done = asyncio.get_running_loop().create_future()
        self.waiting.append(((message, body), done))
        if self.writer is None or self.writer.done():
            self.writer = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        while self.waiting:
            batch, self.waiting = self.waiting, []
            try:
                await asyncio.to_thread(self._commit, [row for row, _ in batch])
            except sqlite3.Error as error:
                for _, done in batch:
                    done.set_exception(error)
            else:
                for _, done in batch:
                    done.set_result(None)

    def _commit(self, rows: list[tuple[str, str]]) -> None:
        self.connection.execute("begin immediate")
        try:
            self.connection.executemany(INSERT, rows)
            self.connection.execute("commit")
        except sqlite3.Error:
            self.connection.execute("rollback")
            raise


app = FastAPI()
store = Store(os.environ["PEER_DATABASE"])
whatsapp = WhatsApp(
    token="unused: nothing is sent",
    app_secret=os.environ["PEER_APP_SECRET"],
    verify_token=os.environ["PEER_VERIFY_TOKEN"],
    # pywa's filter is in memory, per worker, and applies before anything is stored; the primary key is more reliable.
    skip_duplicate_updates=False,
)


@whatsapp.on_message
async def keep(_: WhatsApp, message: Message) -> None:
    try:
        await store.add(message.id, json.dumps(dict(message.raw)))
    except Exception:
        not_stored.get().append(message.id)
        raise


@app.get(PATH)
async def shake_hands(request: Request) -> Response:
    asked = request.query_params
    challenge, status = await whatsapp.webhook_challenge_handler(asked.get("hub.verify_token"), asked.get("hub.challenge"))
    return Response(challenge, status, media_type="text/plain")


@app.post(PATH)
async def receive(request: Request) -> Response:
    body = await request.body()
    refused = await whatsapp.webhook_update_validator(body, request.headers.get("x-hub-signature-256"))
    if refused:
        return Response(refused[0], refused[1], media_type="text/plain")
    missing: list[str] = []
    not_stored.set(missing)
    text, status = await whatsapp.webhook_update_handler(body)
    return Response("not stored", 500) if missing else Response(text, status)


@app.get("/observed")
def observed() -> list[str]:
    with sqlite3.connect(os.environ["PEER_DATABASE"], timeout=10) as connection:
        return [message for (message,) in connection.execute("select id from message")]
