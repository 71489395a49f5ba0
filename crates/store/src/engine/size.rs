//! How much the database holds, measured so cheaply that it can be asked every few seconds.

use super::{Error, Tx};

statements! {
    /// Pages in use. Those that removed events left free are not counted: they are filled again before
    /// the file grows, while the file itself never shrinks. The log beside the file is not counted
    /// either: what is in it is counted as pages, and it is cut to 64 MiB.
    SIZE = "select (pages.page_count - free.freelist_count) * bytes.page_size, 0, 0, null
        from pragma_page_count() pages, pragma_freelist_count() free, pragma_page_size() bytes",
        postgres: "select pg_database_size(current_database()), pg_total_relation_size('event'),
        coalesce((select n_live_tup from pg_stat_user_tables where relid = 'event'::regclass), 0),
        (select avg(octet_length(body))::bigint from (select body from event order by id desc limit 500) newest)";
}

/// What a row of `event` takes on PostgreSQL beside its body, its entries in the indexes included.
const BESIDE_BODY: i64 = 400;

/// Bytes in use. On PostgreSQL the table of events counts with its living rows, by the server's own
/// count and the size of the newest: a table does not shrink when rows are removed, it is filled again.
/// That count is some seconds behind, and mended whenever the server analyses the table.
pub async fn bytes_in_use(tx: &mut Tx) -> Result<u64, Error> {
    let row: Option<(i64, i64, i64, Option<i64>)> = one!(tx, SIZE)?;
    let (whole, events, living, body) = row.ok_or_else(super::error::nothing_returned)?;
    let estimate = match body {
        None => 0,
        // the server's count is lost in a crash, until it has counted anew
        Some(_) if living <= 0 => events,
        Some(body) => living.saturating_mul(body + BESIDE_BODY).min(events),
    };
    Ok(u64::try_from(whole - events + estimate).unwrap_or_default())
}
