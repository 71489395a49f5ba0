//! Every statement of the store in one list, to prepare each on the engine at hand: what a compiler
//! with a database would check. Types of columns are checked by the stories of each noun.

use sqlx::{Executor as _, SqlSafeStr as _};

use super::sql::Sql;
use super::{Conn, Error, Store};

fn all() -> impl Iterator<Item = (&'static str, Sql)> {
    [
        super::accounts::STATEMENTS,
        super::announcements::STATEMENTS,
        super::channels::STATEMENTS,
        super::channels::judgement::STATEMENTS,
        super::channels::token::STATEMENTS,
        super::channels::webhook::STATEMENTS,
        super::deliveries::STATEMENTS,
        super::deliveries::attempts::STATEMENTS,
        super::deliveries::log::STATEMENTS,
        super::deliveries::replay::STATEMENTS,
        super::endpoints::STATEMENTS,
        super::endpoints::lease::STATEMENTS,
        super::erasures::STATEMENTS,
        super::erasures::walk::STATEMENTS,
        super::events::STATEMENTS,
        super::events::batch::STATEMENTS,
        super::events::keeping::STATEMENTS,
        super::graph_usage::STATEMENTS,
        super::idempotency::STATEMENTS,
        super::jobs::STATEMENTS,
        super::keys::STATEMENTS,
        super::keys::sessions::STATEMENTS,
        super::numbers::STATEMENTS,
        super::numbers::attempts::STATEMENTS,
        super::numbers::changes::STATEMENTS,
        super::reseal::STATEMENTS,
        super::settings::STATEMENTS,
        super::signups::STATEMENTS,
        super::size::STATEMENTS,
        super::snapshots::STATEMENTS,
        super::snapshots::history::STATEMENTS,
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
