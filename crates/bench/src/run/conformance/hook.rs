//! The observation hook for our own receiver: every message id in the bodies its database keeps, opened with its own
//! keys. A page of HTTP is all it speaks.

use serde_json::Value;
use server::seal::Keyring;
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Where the store seals bodies for.
const PLACE: &str = "event/body";

/// Serves until the program ends; where.
pub(super) async fn serve(database: String, keyring: Keyring) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/observed", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // whoever asks sees that there was no answer
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
        ids.extend(messages_of(&keyring.open(PLACE, &body)?));
    }
    Ok(ids)
}

/// The ids of the messages in a kept change: two lines of where it stood, then its value.
fn messages_of(kept: &[u8]) -> Vec<String> {
    let value = kept.splitn(3, |byte| *byte == b'\n').nth(2).unwrap_or_default();
    let value: Value = serde_json::from_slice(value).unwrap_or_default();
    let messages = value["messages"].as_array().map_or(&[][..], Vec::as_slice);
    messages.iter().filter_map(|message| message["id"].as_str().map(str::to_owned)).collect()
}
