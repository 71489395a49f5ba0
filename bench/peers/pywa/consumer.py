# An independent consumer: pywa with its own FastAPI route, set up like in its documentation. It gets only a secret and a
# verify token. The handlers here record the updates they get. They must not read a post before pywa does.

import os

from fastapi import FastAPI
from pywa import WhatsApp
from pywa.types import CallbackButton, CallbackSelection, Message, MessageStatus, RawUpdate

app = FastAPI()
whatsapp = WhatsApp(
    token="unused: nothing is sent",
    server=app,
    verify_token=os.environ["PEER_VERIFY_TOKEN"],
    app_secret=os.environ["PEER_APP_SECRET"],
)

updates: list[dict] = []


def record(handler: str, update: Message | CallbackButton | CallbackSelection | MessageStatus, content: str | None) -> None:
    updates.append(
        {
            "handler": handler,
            "id": update.id,
            "waba": update.waba_id,
            "number": update.metadata.phone_number_id,
            "person": update.from_user.wa_id,
            "content": content,
        }
    )


@whatsapp.on_message
def on_message(_: WhatsApp, message: Message) -> None:
    image = f"{message.image.id} {message.image.sha256} {message.caption}" if message.image else None
    record("message", message, image or message.text)


@whatsapp.on_callback_button
def on_button(_: WhatsApp, button: CallbackButton) -> None:
    record("button", button, f"{button.data} {button.title}")


@whatsapp.on_callback_selection
def on_selection(_: WhatsApp, selection: CallbackSelection) -> None:
    record("selection", selection, f"{selection.data} {selection.title}")


@whatsapp.on_message_status
def on_status(_: WhatsApp, status: MessageStatus) -> None:
    record("status", status, status.status.value)


@whatsapp.on_raw_update
def on_anything(_: WhatsApp, update: RawUpdate) -> None:
    updates.append({"handler": "raw", "waba": update.id, "field": update.field})


@app.get("/observed")
def observed() -> list[dict]:
    return updates
