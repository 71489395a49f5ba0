//! Properties that hold for any bytes: one function for each place where this crate reads outside input. The fuzz targets
//! (`fuzz/`) and the plain tests over the stored seeds call the same functions. Not part of the crate unless the feature
//! `harness` is on.

use aws_lc_rs::hmac;
use domain::interpretation::interpret;
use domain::meta::event::Content;
use domain::meta::failure::Failure;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::webhook::{RawChange, SignatureError, Signer, Verifier, dedup_key, split};
use crate::wire::page::Page;
use crate::wire::{error, number, waba};
use crate::{AppSubscription, Token, TokenInfo};

/// A secret that no text may hold, long enough never to occur by chance.
pub const SECRET: &str = "canary-fuzz-secret-5b1e";

/// A post's body: split, peeked at, read and interpreted. A stored change equals the received one, and the routing data
/// agrees with the full reading.
pub fn webhook_body(bytes: &[u8]) {
    let changes = match split(bytes) {
        Ok(changes) => changes,
        Err(error) => {
            assert!(error.to_string().len() < 1000, "an error is a sentence: {error}");
            return;
        }
    };
    for change in &changes {
        let (peek, read) = (change.peek(), change.read());
        let stored = RawChange::from_parts(&change.entry_id, &change.field, change.time, change.value.get());
        assert_eq!(stored.map(|stored| dedup_key(&stored)), Ok(dedup_key(change)));
        if serde_json::from_str::<Value>(change.value.get()).is_ok() {
            assert_eq!(peek.subject, read.subject, "{change:?}");
            if let Content::Messages(messages) = &read.content {
                assert_eq!(&peek.messages, messages, "{change:?}");
            }
        }
        let _ = interpret(&read);
    }
}

/// A header up to the first line feed, then a body: believed when and only when it is ours over these bytes.
pub fn signature(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let header = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let secret = SecretString::from(SECRET);
    let (verifier, right) = (Verifier::new(std::slice::from_ref(&secret)), Signer::new(&secret).sign(body));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    assert_eq!(right, format!("sha256={}", hex::encode(hmac::sign(&key, body))));
    assert_eq!(verifier.verify(Some(&right), body), Ok(()));
    let digits = |header: &str| header.trim().strip_prefix("sha256=").map(str::to_ascii_lowercase);
    let is_right = digits(&header) == digits(&right);
    assert_eq!(verifier.verify(Some(&header), body).is_ok(), is_right, "{header}");
    assert_eq!(verifier.verify(None, body), Err(SignatureError::Missing));
    assert_eq!(Verifier::new(&[]).verify(Some(&right), body), Err(SignatureError::NoSecret));
    // one byte of the body is another one, at a place the header draws
    let mut spoiled = body.to_vec();
    let at = header.len() % spoiled.len().max(1);
    if let Some(byte) = spoiled.get_mut(at) {
        *byte ^= 1;
        assert_eq!(verifier.verify(Some(&right), &spoiled), Err(SignatureError::Mismatch));
    }
}

/// An answer of Graph's, read as every type it may be: no panic, no secret in a text, and no zero byte, which PostgreSQL
/// cannot store.
pub fn graph_answer(bytes: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Some(error) = error::read(&body, 400, &[SECRET]) {
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        let failure = Failure::from_meta(error);
        assert!(!failure.message.contains('\0'), "{failure:?}");
    }
    let whole = |text: &str| assert!(!text.contains('\0'), "a zero byte in {text:?}");
    for asked in [false, true] {
        if let Some(number) = number::read(&body, asked) {
            let texts = [&number.display_phone_number, &number.verified_name, &number.new_display_name];
            texts.into_iter().flatten().for_each(|text| whole(text));
        }
    }
    if let Some(waba) = waba::read(&body) {
        [&waba.name, &waba.owner_business_name].into_iter().flatten().for_each(|text| whole(text));
    }
    if let Some(app) = waba::subscribed_app(&body) {
        whole(app.app_id.as_str());
    }
    if let Some(token) = Token::read(&body) {
        assert!(token.expires_in.is_none_or(|left| !left.is_negative()));
    }
    if let Some(info) = TokenInfo::read(&body, SECRET) {
        assert!(!format!("{:?}", info.error).contains(SECRET), "{info:?}");
        info.scopes.iter().for_each(|scope| whole(scope));
        info.waba_ids.iter().flatten().for_each(|id| whole(id.as_str()));
    }
    if let Some(subscription) = AppSubscription::read(&body, "whatsapp_business_account") {
        whole(&subscription.callback_url);
        subscription.fields.iter().for_each(|field| whole(field));
    }
    if let Some(page) = Page::read(&body) {
        assert!(page.after.is_none_or(|after| !after.is_empty()));
        page.rows.iter().for_each(|row| drop(number::read(row, false)));
    }
}

#[cfg(test)]
mod tests;
