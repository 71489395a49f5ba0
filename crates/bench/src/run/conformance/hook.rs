//! The observation hook for Linekeeper: serves the id of every message in the bodies of its database, opened with its own
//! keys. It supports just one kind of HTTP request.

use serde_json::Value;
use server::seal::Keyring;
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Context that the store seals event bodies with.
const SEAL_CONTEXT: &str = "event/body";

/// Serves until the program ends; returns the address.
pub(super) async fn serve(database: String, keyring: Keyring) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/observed", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The client sees the failure as a missing answer.
            let _ = answer(stream, &database, &keyring).await;
        }
    });
    Ok(url)
}

async fn answer(mut stream: TcpStream, database: &str, keyring: &Keyring) -> anyhow::Result<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") && stream.read_buf(&mut asked).await? > 0 {}
    let body = serde_json::to_string(&ids(database, keyring).await?)?;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn ids(database: &str, keyring: &Keyring) -> anyhow::Result<Vec<String>> {
    let mut conn = SqliteConnection::connect(database).await?;
    let bodies: Vec<(Vec<u8>,)> = sqlx::query_as("select body from event order by id").fetch_all(&mut conn).await?;
    conn.close().await?;
    let mut ids = Vec::new();
    for (body,) in bodies {
        ids.extend(messages_of(&keyring.open(SEAL_CONTEXT, &body)?));
    }
    Ok(ids)
}

/// The ids of the messages in a stored change: two lines about its origin precede its value.
fn messages_of(stored_messages: &[u8]) -> Vec<String> {
    let value = stored_messages.splitn(3, |byte| *byte == b'\n').nth(2).unwrap_or_default();
    let value: Value = serde_json::from_slice(value).unwrap_or_default();
    let messages = value["messages"].as_array().map_or(&[][..], Vec::as_slice);
    messages.iter().filter_map(|message| message["id"].as_str().map(str::to_owned)).collect()
}
