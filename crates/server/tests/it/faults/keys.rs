//! The seal keys: a key file that opens nothing, and a new key while the service runs.

use std::fs;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use server::seal::Keyring;
use server::store::Engine;

use super::service::Place;
use crate::support::on_each_engine;
use crate::support::stores::Database;

on_each_engine!(
    a_key_file_that_opens_nothing_is_refused_by_name,
    a_rotation_beside_a_running_service_loses_nothing,
    a_rotation_does_not_begin_while_a_service_lacks_the_new_key,
);

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

async fn a_rotation_beside_a_running_service_loses_nothing(engine: Engine) {
    let database = Database::empty(engine).await;
    let place = Place::at(database.url.clone()).await;
    let service = place.serve().await;
    assert_eq!(service.post("before").await, 200);

    // as the example of `key rotate --help` does it
    let file = place.key_file.display().to_string();
    let (status, text) = place.run(&["key", "seal", "--new", "--file", &file]).await;
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = place.run(&["key", "rotate"]).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("older keys can be removed"), "{text}");

    // and removes the older key, as it says
    let keys = fs::read_to_string(&place.key_file).unwrap();
    fs::write(&place.key_file, keys.lines().next().unwrap()).unwrap();
    assert_eq!(service.post("afterwards").await, 200);
    assert_eq!(place.write_by_api(&service).await, 202);
    service.until("every event is interpreted", async || place.waiting().await == 0).await;
    assert_eq!(service.logged("ERROR"), 0, "{}", service.log().join("\n"));
    service.kill().await;
    let service = place.serve().await;
    let (status, text) = place.run(&["key", "rotate", "--json"]).await;
    assert_eq!(status, Some(0), "{text}");
    let rotated: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&rotated["sealed"], &rotated["unopened_events"]), (&0.into(), &0.into()), "{text}");
    service.kill().await;
}

async fn a_rotation_does_not_begin_while_a_service_lacks_the_new_key(engine: Engine) {
    let database = Database::empty(engine).await;
    let place = Place::at(database.url.clone()).await;
    // its keys come by the environment: no file can bring it a new one
    let service = place.serve_with(&[("LINEKEEPER_SEAL_KEYS", place.keys.expose_secret())]).await;
    assert_eq!(service.post("before").await, 200);
    let noted = async || {
        let (status, _) = place.run(&["key", "rotate"]).await;
        status == Some(0)
    };
    service.until("a rotation with its own key works", noted).await;
    let file = place.key_file.display().to_string();
    place.run(&["key", "seal", "--new", "--file", &file]).await;
    let (status, text) = place.run(&["key", "rotate"]).await;
    assert_eq!(status, Some(1), "{text}");
    assert!(
        text.contains("1 running service encrypts with another seal key") && text.contains("nothing was changed"),
        "{text}"
    );
    assert_eq!(service.post("afterwards").await, 200);
    service.kill().await;
}
