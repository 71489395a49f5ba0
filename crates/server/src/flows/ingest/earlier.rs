//! Assigns the events that came before their number was connected to its new inbox, while they are kept. Until a number is
//! connected its events are nobody's, whichever account connects it then. Events that name no number by its id stay.

use domain::ids::ChannelId;

use crate::App;
use crate::flows::{BATCH_DELAY, FlowError, Next};
use crate::store::{channels, events};

/// How many events one transaction assigns: some milliseconds in which no post can be stored.
const BATCH_SIZE: usize = 400;

/// How many batches one run of the job takes, so that it stays well within its lease.
const MAX_BATCHES: usize = 100;

/// The job of a channel that was connected or got another number's id. It asks to run again where more are left.
pub async fn assign_earlier(app: &App, channel: ChannelId) -> Result<Next, FlowError> {
    let mut assigned = 0;
    for _ in 0..MAX_BATCHES {
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        let Some(channel) = channels::find(&mut tx, channel).await? else { return Ok(Next::Done) };
        let count = events::assign_earlier(&mut tx, &channel, now, BATCH_SIZE).await?;
        tx.commit().await?;
        assigned += count;
        if count < BATCH_SIZE {
            if assigned > 0 {
                tracing::info!(inbox = %channel.id, assigned, "events from before the number was connected were assigned");
            }
            return Ok(Next::Done);
        }
        if app.shutdown.is_cancelled() {
            break;
        }
        tokio::time::sleep(BATCH_DELAY).await;
    }
    Ok(Next::At(app.clock.now()))
}
