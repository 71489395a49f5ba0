//! The store on real engines: every story is told on a SQLite file and on a PostgreSQL server.

mod channels;
mod engines;
mod events;
mod jobs;
mod numbers;
mod records;
mod sealing;

use domain::channel::Onboarding;
use domain::ids::{AccountId, PhoneNumberId, WabaId};
use domain::phone::E164;
use jiff::Timestamp;
use server::store::Store;
use server::store::channels::NewChannel;

/// Some instant; stories count from it.
fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// The `n`-th number of an account, on one WABA.
fn new_channel(account_id: AccountId, n: u32) -> NewChannel {
    NewChannel {
        account_id,
        name: format!("Bakery {n}"),
        phone_number: E164::parse(&format!("+1555{n:07}")).unwrap(),
        phone_number_id: PhoneNumberId(format!("106{n}")),
        waba_id: WabaId("102".into()),
        business_id: None,
        onboarding: Onboarding::Standard,
        access_token: format!("EAAG-access-{n}").into(),
        token_expires_at: None,
        verify_token: format!("verify-{n}").into(),
        created_at: noon(),
    }
}

/// An account with one channel, the `n`-th.
async fn a_channel(store: &Store, n: u32) -> domain::channel::Channel {
    let mut tx = store.write().await.unwrap();
    let account = store::accounts::create(&mut tx, "Bakery", noon()).await.unwrap();
    let id = store::channels::insert(&mut tx, &new_channel(account, n)).await.unwrap();
    let channel = store::channels::find(&mut tx, id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    channel
}
