//! The seal keys: a key file that opens nothing.

use std::fs;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use server::seal::Keyring;
use server::store::Engine;

use super::service::Place;
use crate::support::on_each_engine;
use crate::support::stores::Database;

on_each_engine!(a_key_file_that_opens_nothing_is_refused_by_name);

async fn a_key_file_that_opens_nothing_is_refused_by_name(engine: Engine) {
    let database = Database::empty(engine).await;
    let place = Place::at(database.url.clone()).await;
    let service = place.serve().await;
    assert_eq!(service.post("sealed with the right key").await, 200);
    service.kill().await;

    fs::write(&place.key_file, Keyring::generate().expose_secret()).unwrap();
    let key = hex::encode(Keyring::parse(&place.keys).unwrap().current());
    let (status, text) = place.run(&["serve"]).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains(&format!("its secrets are sealed with key {key}")), "{text}");
    let (status, text) = place.run(&["check", "--offline", "--json"]).await;
    assert_eq!(status, Some(3), "{text}");
    let results: Value = serde_json::from_str(&text).unwrap();
    let of_keys = results.as_array().unwrap().iter().find(|check| check["check"] == "seal keys").unwrap();
    assert_eq!(of_keys["result"], "fail", "{text}");
    assert!(of_keys["found"].as_str().unwrap().contains(&key), "{text}");
}
