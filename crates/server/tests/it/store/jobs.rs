//! The job table: no enqueue is lost, claims never overlap, leases run out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use server::seal::Keyring;
use server::store::{Engine, Store, jobs};
use tokio::sync::Notify;

use super::noon;
use crate::support::stores::{Database, both};

const LEASE: SignedDuration = SignedDuration::from_mins(1);

fn at(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

async fn enqueue(store: &Store, key: &str, seconds: i64) {
    let mut tx = store.write().await.unwrap();
    jobs::enqueue(&mut tx, "health", key, at(seconds));
    tx.commit().await.unwrap();
}

async fn claim(store: &Store, seconds: i64, limit: i64) -> Vec<jobs::Job> {
    let mut tx = store.write().await.unwrap();
    let claimed = jobs::claim(&mut tx, at(seconds), LEASE, limit).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

#[tokio::test(flavor = "multi_thread")]
async fn enqueues_coalesce_and_the_earliest_date_stands() {
    both(async |store| {
        for seconds in [10, 5, 20] {
            enqueue(&store, "1", seconds).await;
        }
        assert_eq!(claim(&store, 4, 9).await, []);
        let claimed = claim(&store, 5, 9).await;
        assert_eq!(claimed.len(), 1);
        assert_eq!((claimed[0].attempts, claimed[0].generation), (1, 3));
        assert_eq!(claim(&store, 30, 9).await, [], "it is leased");
        let tx = &mut store.write().await.unwrap();
        assert!(jobs::finish(tx, &claimed[0]).await.unwrap());
        assert_eq!(jobs::get(tx, "health", "1").await.unwrap(), None);
        assert_eq!(jobs::next_due(tx).await.unwrap(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enqueue_while_the_job_runs_is_not_lost_and_keeps_its_date() {
    both(async |store| {
        enqueue(&store, "1", 0).await;
        let claimed = claim(&store, 0, 9).await;
        enqueue(&store, "1", 300).await;
        let tx = &mut store.write().await.unwrap();
        assert!(!jobs::finish(tx, &claimed[0]).await.unwrap());
        assert_eq!(jobs::next_due(tx).await.unwrap(), Some(at(300)));
        assert_eq!(jobs::get(tx, "health", "1").await.unwrap().unwrap().attempts, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_cannot_end_the_job() {
    both(async |store| {
        enqueue(&store, "1", 0).await;
        let slow = claim(&store, 0, 9).await.remove(0);
        let quick = claim(&store, 60, 9).await.remove(0);
        assert_eq!(quick.attempts, 2);
        let tx = &mut store.write().await.unwrap();
        assert!(!jobs::finish(tx, &slow).await.unwrap());
        assert!(!jobs::postpone(tx, &slow, at(1)).await.unwrap());
        assert!(!jobs::fail(tx, &slow, at(1), "late").await.unwrap());
        assert_eq!(jobs::renew_lease(tx, &slow, at(900)).await.unwrap(), None);
        let quick = jobs::renew_lease(tx, &quick, at(900)).await.unwrap().unwrap();
        assert_eq!(jobs::next_due(tx).await.unwrap(), Some(at(900)));
        assert!(jobs::finish(tx, &quick).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_asks_for_the_next_one_and_an_earlier_enqueue_stands() {
    both(async |store| {
        enqueue(&store, "1", 0).await;
        let first = claim(&store, 0, 9).await.remove(0);
        let mut tx = store.write().await.unwrap();
        assert!(jobs::fail(&mut tx, &first, at(50), "Meta did not answer").await.unwrap());
        let kept = jobs::get(&mut tx, "health", "1").await.unwrap().unwrap();
        assert_eq!((kept.run_at, kept.attempts), (Some(at(50)), 1));
        assert_eq!(kept.last_error.as_deref(), Some("Meta did not answer"));
        tx.commit().await.unwrap();

        let second = claim(&store, 50, 9).await.remove(0);
        assert_eq!((second.attempts, second.run_at), (2, None));
        enqueue(&store, "1", 70).await;
        let tx = &mut store.write().await.unwrap();
        assert!(jobs::postpone(tx, &second, at(3600)).await.unwrap());
        let kept = jobs::get(tx, "health", "1").await.unwrap().unwrap();
        assert_eq!((kept.run_at, kept.attempts, kept.last_error), (Some(at(70)), 0, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_wakes_whoever_waits_for_jobs_and_a_rollback_does_not() {
    both(async |store| {
        let woken = Arc::new(Notify::new());
        let store = store.with_commit_hook({
            let woken = Arc::clone(&woken);
            move |committed| {
                assert_eq!((committed.jobs, committed.endpoints, committed.accounts.len()), (true, false, 0));
                woken.notify_one();
            }
        });
        let mut tx = store.write().await.unwrap();
        jobs::enqueue(&mut tx, "health", "1", at(0));
        drop(tx);
        // nothing to make known: the hook is not called
        let tx = store.write().await.unwrap();
        tx.commit().await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), woken.notified()).await.is_err(), "rolled back");
        for absent in [false, true] {
            let mut tx = store.write().await.unwrap();
            if absent {
                jobs::enqueue_if_absent(&mut tx, "health", "1", at(0));
            } else {
                jobs::enqueue(&mut tx, "health", "1", at(0));
            }
            assert!(tokio::time::timeout(Duration::from_millis(20), woken.notified()).await.is_err(), "not committed");
            tx.commit().await.unwrap();
            tokio::time::timeout(Duration::from_secs(5), woken.notified()).await.expect("the commit wakes");
        }
    })
    .await;
}

/// Two processes on one database, as a server and its command line are. With a plain `begin` on
/// SQLite most of these fail, since they read before they write.
#[tokio::test(flavor = "multi_thread")]
async fn forty_transactions_that_read_before_they_write_all_succeed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::empty(engine).await;
        let keys = Keyring::generate();
        let stores = [database.open(&keys).await, database.open(&keys).await];
        let writers: Vec<_> = (0..40)
            .map(|n| {
                let store = stores[n % 2].clone();
                tokio::spawn(async move {
                    let mut tx = store.write().await.unwrap();
                    jobs::get(&mut tx, "health", "0").await.unwrap();
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    jobs::enqueue(&mut tx, "health", &n.to_string(), at(0));
                    tx.commit().await.unwrap();
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(claim(&stores[0], 0, 99).await.len(), 40, "{}", engine.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_workers_share_the_jobs_without_overlap() {
    both(async |store| {
        let mut tx = store.write().await.unwrap();
        for n in 0..200 {
            jobs::enqueue(&mut tx, "health", &n.to_string(), at(n % 7));
        }
        tx.commit().await.unwrap();
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    loop {
                        let claimed = claim(&store, 10, 3).await;
                        if claimed.is_empty() {
                            return mine;
                        }
                        mine.extend(claimed.into_iter().map(|job| job.key));
                    }
                })
            })
            .collect();
        let mut claimed = Vec::new();
        for worker in workers {
            claimed.extend(worker.await.unwrap());
        }
        assert_eq!(claimed.len(), 200);
        assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>().len(), 200);
    })
    .await;
}
