//! Failing flushes: no result is lost, and repeated requests have the same ids. Replays while new messages arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::delivery::Format;
use server::store::Engine;
use server::store::deliveries::replay::ReplaySelector;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use super::support::{Place, from_of, text_of};
use crate::support::on_each_engine;
use crate::support::receiver::{Got, Reply};

on_each_engine!(the_cursor_passes_no_result_that_was_not_flushed, replays_are_sent_between_new_messages,);

/// From now on the database refuses to note how far an endpoint is; a function and a trigger, or a trigger.
fn refusing(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => {
            "create trigger refuse_progress before update of cursor_event on endpoint
            begin select raise(abort, 'refused by the test'); end"
        }
        Engine::Postgres => {
            "create function refuse_progress() returns trigger language plpgsql
            as $$ begin raise exception 'refused by the test'; end $$;
            create trigger refuse_progress before update of cursor_event on endpoint
            for each row execute function refuse_progress()"
        }
    }
}

/// It may be noted again.
fn allowing(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "drop trigger refuse_progress",
        Engine::Postgres => "drop trigger refuse_progress on endpoint",
    }
}

async fn run(place: &Place, engine: Engine, statements: &'static str) {
    let url = &place.app.database.url;
    match engine {
        Engine::Sqlite => {
            let mut conn = SqliteConnection::connect(url).await.unwrap();
            conn.execute(AssertSqlSafe(statements)).await.unwrap();
        }
        Engine::Postgres => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(statements).execute(&mut conn).await.unwrap();
        }
    }
}

async fn the_cursor_passes_no_result_that_was_not_flushed(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    let before = place.kept(&line.endpoint).await.cursor;
    run(&place, engine, refusing(engine)).await;
    line.receiver.answer(|post| Reply::status(if text_of(post) == "b" { 500 } else { 200 }));
    place.messages(&[("1555000", "a"), ("1555000", "b"), ("1555000", "c"), ("1555111", "z")]).await;
    // the worker begins anew, from what is on record: what was taken comes once more
    let has_come_again = async || line.receiver.taken().iter().filter(|got| text_of(&got.json()) == "z").count() >= 2;
    place.until("what was taken comes again", has_come_again).await;
    let kept = place.kept(&line.endpoint).await;
    assert_eq!(kept.cursor, before, "the cursor passes nothing that is not stored");
    assert!(kept.disabled.is_none());
    assert_eq!(place.counts(&line.endpoint).await, store::deliveries::Counts::default());

    run(&place, engine, allowing(engine)).await;
    place.until("b is pending, and c behind it", async || place.counts(&line.endpoint).await.waiting == 2).await;
    line.receiver.answer(|_| Reply::status(200));
    let goes_by = async || {
        place.later(jiff::SignedDuration::from_secs(30));
        place.counts(&line.endpoint).await == store::deliveries::Counts::default()
    };
    place.until("pending retries are accepted", goes_by).await;
    place.until_delivered(&line).await;

    let taken = line.receiver.taken();
    let texts: Vec<String> =
        taken.iter().map(Got::json).filter(|post| from_of(post) == "1555000").map(|post| text_of(&post)).collect();
    let (repeats, last) = texts.split_last_chunk::<2>().expect("b and c");
    assert_eq!(last, &["b".to_owned(), "c".to_owned()], "in order, whatever came again: {texts:?}");
    assert!(repeats.iter().all(|text| text == "a"), "{texts:?}");
    let ids: std::collections::BTreeSet<&str> = taken.iter().map(Got::id).collect();
    assert_eq!(ids.len(), 4, "what comes again has the same id");
}

async fn replays_are_sent_between_new_messages(engine: Engine) {
    let place = Arc::new(Place::on(engine).await);
    let line = place.line(Format::Meta).await;
    place.messages(&[("1555000", "a"), ("1555000", "b")]).await;
    place.until_delivered(&line).await;
    // one conversation is refused all the time, and another never ends
    line.receiver.answer(|post| Reply::status(if from_of(post) == "1555222" { 500 } else { 200 }));
    place.messages(&[("1555222", "poison")]).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (place, is_over) = (Arc::clone(&place), Arc::clone(&is_over));
        async move {
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                place.messages(&[("1555111", format!("{sent:04}").as_str())]).await;
                sent += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            sent
        }
    });
    let theirs = |person: &'static str| {
        let taken = line.receiver.taken();
        let posts = taken.iter().map(Got::json).filter(move |post| from_of(post) == person);
        posts.map(|post| text_of(&post)).collect::<Vec<_>>()
    };
    place.until("new messages come", async || theirs("1555111").len() > 20).await;
    let now = place.app.clock.now();
    let which = ReplaySelector::Between(now - jiff::SignedDuration::from_hours(1), now);
    let endpoint = place.kept(&line.endpoint).await;
    server::flows::forwarding::endpoints::replay::request_replay(&place.app.app, &endpoint, which, &|_| {})
        .await
        .unwrap();
    place.until("both come again", async || theirs("1555000") == ["a", "b", "a", "b"]).await;
    is_over.store(true, Ordering::Relaxed);
    let sent: usize = writing.await.unwrap();
    let expected: Vec<String> = (0..sent).map(|number| format!("{number:04}")).collect();
    let first_of_each = async || {
        let mut seen = std::collections::BTreeSet::new();
        theirs("1555111").into_iter().filter(|text| seen.insert(text.clone())).collect::<Vec<_>>() == expected
    };
    place.until("every new message came, in order", first_of_each).await;
}
