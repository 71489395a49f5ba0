//! Publishes an announcement: on the account's timeline, and as an event that its endpoints receive like
//! any other. Which changes deserve an announcement is decided by `domain::health::changes` and by the flow that
//! publishes one.

use aws_lc_rs::digest;
use domain::delivery::ANNOUNCEMENT_FIELD;
use serde_json::json;

use crate::messages;
use crate::store::announcements::{self, NewAnnouncement};
use crate::store::events::{EventState, NewEvent, body, insert_batch};
use crate::store::{self, Tx};

/// Publishes an announcement in the caller's transaction.
pub(crate) async fn publish(tx: &mut Tx, new: &NewAnnouncement) -> Result<(), store::Error> {
    let id = announcements::append(tx, new).await?;
    let message = messages::announcement(&new.kind, &new.args);
    let value = json!({ "id": id.to_string(), "kind": new.kind, "title": message.title,
        "text": message.text.to_string(), "args": new.args, "at": new.at.to_string() });
    let seconds = new.at.as_second();
    let mut dedup_key = u32::try_from(seconds).unwrap_or_default().to_be_bytes().to_vec();
    dedup_key
        .extend_from_slice(digest::digest(&digest::SHA256, id.0.as_bytes()).as_ref().get(..12).unwrap_or_default());
    let event = NewEvent {
        received_at: new.at,
        waba_id: None,
        phone_number_id: None,
        phone_digits: None,
        channel_id: new.channel_id,
        account_id: Some(new.account_id),
        field: ANNOUNCEMENT_FIELD.to_owned(),
        state: EventState::Stored,
        dedup_key,
        body: body::encode("", Some(seconds), &value.to_string()),
    };
    insert_batch(tx, &[event]).await.map(|_| ())
}
