//! Stories of events: kept once, whole and sealed, interpreted in the order of arrival.

use bytes::Bytes;
use domain::ids::{PhoneNumberId, WabaId};
use jiff::SignedDuration;
use server::store::events::{self, EventState, NewEvent};
use server::store::{Engine, Store};

use super::{a_channel, noon};
use crate::support::stores::{Database, both, keyring};

fn event(n: u32, state: EventState) -> NewEvent {
    NewEvent {
        received_at: noon() + SignedDuration::from_secs(i64::from(n)),
        waba_id: Some(WabaId("102".into())),
        phone_number_id: n.is_multiple_of(2).then(|| PhoneNumberId("1061".into())),
        phone_digits: None,
        channel_id: None,
        account_id: None,
        field: "messages".into(),
        state,
        dedup_key: format!("{n:016}").into_bytes(),
        body: Bytes::from(format!("{{\"body\":{n}}}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_twice_is_kept_once() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        // every size of statement, and one event twice in the same batch
        let mut batch: Vec<NewEvent> = (0..150).map(|n| event(n, EventState::ToInterpret)).collect();
        batch.push(event(7, EventState::ToInterpret));
        assert_eq!(events::insert_batch(tx, &batch).await.unwrap(), 150);
        batch.push(event(150, EventState::Stored));
        assert_eq!(events::insert_batch(tx, &batch).await.unwrap(), 1);
        assert_eq!(events::insert_batch(tx, &[]).await.unwrap(), 0);
        let backlog = events::backlog(tx).await.unwrap();
        assert_eq!((backlog.count, backlog.oldest), (150, Some(noon())));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_interpreted_in_order_and_once() {
    both(async |store| {
        let tx = &mut store.write().await.unwrap();
        let batch: Vec<NewEvent> =
            (0..70).map(|n| event(n, if n % 10 == 3 { EventState::ToInterpret } else { EventState::Stored })).collect();
        events::insert_batch(tx, &batch).await.unwrap();
        let waiting = events::to_interpret(tx, 5).await.unwrap().events;
        let bodies: Vec<&[u8]> = waiting.iter().map(|(_, body)| body.as_slice()).collect();
        assert_eq!(bodies[..2], [b"{\"body\":3}".as_slice(), b"{\"body\":13}"]);
        let (first, _) = &waiting[0];
        assert_eq!(first.received_at, batch[3].received_at);
        assert_eq!((&first.waba_id, &first.phone_number_id), (&batch[3].waba_id, &None));
        let ids: Vec<_> = waiting.iter().map(|(event, _)| event.id).collect();
        assert_eq!(events::mark_interpreted(tx, &ids, noon()).await.unwrap(), 5);
        assert_eq!(events::mark_interpreted(tx, &ids, noon()).await.unwrap(), 0);
        assert_eq!(events::to_interpret(tx, 9).await.unwrap().events.len(), 2);
        assert_eq!(events::find(tx, ids[0]).await.unwrap().unwrap().state, EventState::Interpreted);
        assert_eq!(events::body(tx, ids[0]).await.unwrap().unwrap(), b"{\"body\":3}");
        let limits = events::PurgeLimits { before: noon() + SignedDuration::from_hours(1), undelivered_before: noon() };
        let pruned = events::purge(tx, None, limits, 1000).await.unwrap();
        assert_eq!((pruned.removed, pruned.next), (68, None), "what waits stays");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_sees_what_names_its_number_and_what_was_assigned_newest_first() {
    both(async |store| {
        let before_my_time =
            NewEvent { received_at: noon() - SignedDuration::from_hours(1), ..event(8, EventState::Stored) };
        let mut tx = store.write().await.unwrap();
        events::insert_batch(&mut tx, &[before_my_time]).await.unwrap();
        tx.commit().await.unwrap();
        let (mine, theirs) = (a_channel(&store, 1).await, a_channel(&store, 2).await);
        let tx = &mut store.write().await.unwrap();
        // the even ones name number 1061; the odd ones name nobody, and some are given to a channel
        let mut batch: Vec<NewEvent> = (0..6).map(|n| event(n, EventState::ToInterpret)).collect();
        for (at, channel) in [(1, &mine), (3, &theirs), (4, &mine)] {
            (batch[at].channel_id, batch[at].account_id) = (Some(channel.id), Some(channel.account_id));
        }
        events::insert_batch(tx, &batch).await.unwrap();
        let ids: Vec<_> =
            events::to_interpret(tx, 9).await.unwrap().events.into_iter().map(|(event, _)| event.id).collect();
        let newest = events::list(tx, mine.account_id, mine.id, None, 2).await.unwrap();
        let rest = events::list(tx, mine.account_id, mine.id, Some(newest[1].id), 9).await.unwrap();
        let seen: Vec<_> = newest.iter().chain(&rest).map(|event| event.id).collect();
        assert_eq!(seen, [ids[4], ids[2], ids[1], ids[0]]);
        assert_eq!(newest[0].channel_id, Some(mine.id));
        assert_eq!(events::list(tx, theirs.account_id, theirs.id, None, 9).await.unwrap().len(), 1);
        assert_eq!(events::list(tx, theirs.account_id, mine.id, None, 9).await.unwrap(), []);
    })
    .await;
}

/// Run by hand: `cargo test --release -p server --test it -- --ignored --nocapture rows_a_second`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it in release mode"]
async fn rows_a_second_on_sqlite() {
    measure(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it in release mode"]
async fn rows_a_second_on_postgres() {
    measure(Engine::Postgres).await;
}

async fn measure(engine: Engine) {
    let database = Database::empty(engine).await;
    let store = Store::open_and_migrate(&database.url, keyring()).await.unwrap();
    let body = Bytes::from(vec![b'x'; 2048]);
    let in_batch = |n| NewEvent {
        body: body.clone(),
        dedup_key: rand::random::<[u8; 16]>().to_vec(),
        ..event(n, EventState::Stored)
    };
    let batches: Vec<Vec<NewEvent>> = (0..400).map(|b| (0..256).map(|n| in_batch(b * 256 + n)).collect()).collect();
    let started = std::time::Instant::now();
    for batch in &batches {
        let mut tx = store.write().await.unwrap();
        assert_eq!(events::insert_batch(&mut tx, batch).await.unwrap(), 256);
        tx.commit().await.unwrap();
    }
    let rows = 400.0 * 256.0;
    println!("{}: {:.0} rows/s", engine.as_str(), rows / started.elapsed().as_secs_f64());
    store.close().await;
}
