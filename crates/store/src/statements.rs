//! Every statement of the store in one list, to prepare each on the engine at hand: what a compiler
//! with a database would check. Types of columns are checked by the stories of each noun.

use sqlx::{Executor as _, SqlSafeStr as _};

use crate::engine::Conn;
use crate::engine::sql::Sql;
use crate::{Error, Store};

fn all() -> impl Iterator<Item = (&'static str, Sql)> {
    [
        crate::delivery::deliveries::STATEMENTS,
        crate::delivery::deliveries::attempts::STATEMENTS,
        crate::delivery::deliveries::log::STATEMENTS,
        crate::delivery::deliveries::replay::STATEMENTS,
        crate::delivery::endpoints::STATEMENTS,
        crate::delivery::endpoints::lease::STATEMENTS,
        crate::engine::enqueued::STATEMENTS,
        crate::engine::keys_in_use::STATEMENTS,
        crate::engine::size::STATEMENTS,
        crate::events::STATEMENTS,
        crate::events::earlier::STATEMENTS,
        crate::events::erasures::STATEMENTS,
        crate::events::erasures::walk::STATEMENTS,
        crate::events::insert::STATEMENTS,
        crate::events::quarantine::STATEMENTS,
        crate::events::retention::STATEMENTS,
        crate::jobs::STATEMENTS,
        crate::numbers::attempts::STATEMENTS,
        crate::numbers::changes::STATEMENTS,
        crate::numbers::channels::STATEMENTS,
        crate::numbers::channels::assessment::STATEMENTS,
        crate::numbers::channels::credentials::STATEMENTS,
        crate::numbers::channels::webhook::STATEMENTS,
        crate::numbers::number::STATEMENTS,
        crate::numbers::record::STATEMENTS,
        crate::numbers::signups::STATEMENTS,
        crate::numbers::snapshots::STATEMENTS,
        crate::numbers::snapshots::history::STATEMENTS,
        crate::sealing::reseal::STATEMENTS,
        crate::sealing::services::STATEMENTS,
        crate::settings::STATEMENTS,
        crate::tenancy::accounts::STATEMENTS,
        crate::tenancy::announcements::STATEMENTS,
        crate::tenancy::api_keys::STATEMENTS,
        crate::tenancy::idempotency::STATEMENTS,
        crate::tenancy::sessions::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

impl Store {
    /// Prepares every statement; how many there are, or the names and faults of those that fail.
    pub async fn check_statements(&self) -> Result<Result<usize, Vec<String>>, Error> {
        let mut faults = Vec::new();
        let mut count = 0;
        for (name, sql) in all() {
            count += 1;
            let text = sql.text(self.engine()).into_sql_str();
            let mut tx = self.read().await?;
            let prepared = match &mut tx.conn {
                Conn::Sqlite(tx) => tx.prepare(text).await.map(|_| ()),
                Conn::Postgres(tx) => tx.prepare(text).await.map(|_| ()),
            };
            if let Err(fault) = prepared {
                faults.push(format!("{name}: {fault}"));
            }
        }
        Ok(if faults.is_empty() { Ok(count) } else { Err(faults) })
    }
}
