//! The jobs that a transaction enqueues. They are collected and written by its commit, in one statement and in the
//! order of their keys: nobody who only enqueues holds a job's row while it waits for another lock.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::columns::micros;
use crate::{Error, Tx};

statements! {
    /// A row's `generation` counts how often it was enqueued; a row that is only to be present brings 0. The rows
    /// are locked in the order of their keys, so that two transactions cannot wait for each other.
    ENQUEUE = "insert into job (kind, dedup_key, run_at, generation, attempts)
        select value ->> 0, value ->> 1, value ->> 2, value ->> 3, 0 from json_each($1) where true
        on conflict (kind, dedup_key) do update set generation = job.generation + 1,
        run_at = case when excluded.run_at < job.run_at then excluded.run_at else job.run_at end
        where excluded.generation = 1",
        postgres: "insert into job (kind, dedup_key, run_at, generation, attempts)
        select it ->> 0, it ->> 1, (it ->> 2)::bigint, (it ->> 3)::bigint, 0 from json_array_elements($1::json) as it
        order by 1, 2
        on conflict (kind, dedup_key) do update set generation = job.generation + 1,
        run_at = case when excluded.run_at < job.run_at then excluded.run_at else job.run_at end
        where excluded.generation = 1";
}

/// The jobs that a transaction enqueues, by kind and key. They are written in one statement when it commits.
#[derive(Debug, Default)]
pub(crate) struct Enqueued(BTreeMap<(&'static str, String), Request>);

/// When a job is to run, and whether it must run (again) or only be present.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) run_at: Timestamp,
    pub(crate) must_run: bool,
}

impl Enqueued {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, kind: &'static str, key: &str, new: Request) {
        let known = self.0.entry((kind, key.to_owned())).or_insert(new);
        if new.must_run || !known.must_run {
            *known = Request { run_at: known.run_at.min(new.run_at), must_run: new.must_run };
        }
    }
}

/// Writes what the transaction enqueued.
pub(crate) async fn flush(tx: &mut Tx) -> Result<(), Error> {
    let enqueued = std::mem::take(&mut tx.enqueued);
    let row = |((kind, key), request): ((&str, String), Request)| {
        serde_json::json!([kind, key, micros(request.run_at), i64::from(request.must_run)])
    };
    let rows: Vec<_> = enqueued.0.into_iter().map(row).collect();
    run!(tx, ENQUEUE, serde_json::Value::from(rows).to_string())?;
    tx.pending.jobs = true;
    Ok(())
}
