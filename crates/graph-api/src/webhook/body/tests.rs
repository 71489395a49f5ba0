//! Posts split into changes, what is said of bad ones, and keys against repetition.

use proptest::prelude::*;
use secrecy::SecretString;

use super::super::{sign, verify};
use super::*;

const TWO_ENTRIES: &str = r#"{"object":"whatsapp_business_account","entry":[
    {"id":"710","changes":[
        {"field":"messages","value":{"metadata":{"phone_number_id":"720"}}},
        {"value":{"a":"B\u00e4ckerei"},"field":"messages"}]},
    {"changes":[{"field":"security","value":{"event":"PIN_CHANGED"}}],"time":1790000000,"id":711}]}"#;

fn problem(body: &str) -> BodyError {
    split(body.as_bytes()).unwrap_err()
}

#[test]
fn every_change_of_every_entry_comes_out_in_order() {
    let changes = split(TWO_ENTRIES.as_bytes()).unwrap();
    let seen: Vec<_> = changes.iter().map(|c| (c.entry_id.as_ref(), c.field.as_ref(), c.time)).collect();
    let expected = [("710", "messages", None), ("710", "messages", None), ("711", "security", Some(1_790_000_000))];
    assert_eq!(seen, expected);
    assert_eq!(changes[1].value.get(), r#"{"a":"B\u00e4ckerei"}"#, "the value stays byte for byte");
}

#[test]
fn a_thousand_changes_are_a_thousand_changes() {
    let change = r#"{"field":"messages","value":{"messages":[{}]}}"#;
    let entry = format!(r#"{{"id":"710","changes":[{}]}}"#, vec![change; 500].join(","));
    let body = format!(r#"{{"entry":[{entry},{entry}],"object":"whatsapp_business_account"}}"#);
    assert_eq!(split(body.as_bytes()).unwrap().len(), 1_000);
}

/// Facts §3.2: two of Meta's own examples have `field` and `object` inside the entry or the value.
#[test]
fn misplaced_members_are_found() {
    let in_entry = r#"{"entry":[{"id":"7","time":"1790000000","changes":[{"value":{"event":"X"}}],
        "field":"account_update","object":"whatsapp_business_account"}]}"#;
    let in_value =
        r#"{"entry":[{"id":"7","changes":[{"value":{"event":"X","field":"account_update"}}]}],"object":null}"#;
    let without_changes = r#"{"entry":[{"id":"7","field":"account_update","value":{"event":"X"}}]}"#;
    for body in [in_entry, in_value, without_changes] {
        let changes = split(body.as_bytes()).unwrap();
        assert_eq!((changes.len(), changes[0].field.as_ref()), (1, "account_update"), "{body}");
    }
    assert_eq!(split(in_entry.as_bytes()).unwrap()[0].time, Some(1_790_000_000));
}

#[test]
fn a_change_without_anything_is_kept() {
    let changes = split(br#"{"entry":[{"changes":[{}]}]}"#).unwrap();
    let bare = (changes[0].entry_id.as_ref(), changes[0].field.as_ref(), changes[0].value.get());
    assert_eq!(bare, ("", "", "null"));
}

#[test]
fn problems_say_what_and_where() {
    let text = |body: &str| problem(body).to_string();
    assert_eq!(text(" \n"), "the body is empty");
    assert_eq!(text("[1]"), "the body must be an object, found a list");
    assert_eq!(text("{}"), "entry is missing");
    assert_eq!(text(r#"{"object":"page","entry":[]}"#), r#""object" is "page", expected "whatsapp_business_account""#);
    assert_eq!(text(r#"{"entry":{}}"#), "entry must be a list, found an object");
    assert_eq!(text(r#"{"entry":[{"changes":[]},7]}"#), "entry[1] must be an object, found a number");
    assert_eq!(text(r#"{"entry":[{"id":"7"}]}"#), "entry[0].changes is missing");
    assert_eq!(text(r#"{"entry":[{"changes":"x"}]}"#), "entry[0].changes must be a list, found a text");
    assert_eq!(text(r#"{"entry":[{"changes":[{},null]}]}"#), "entry[0].changes[1] must be an object, found null");
    assert!(text("{\"entry\":\n[}").starts_with("the body is not JSON: expected value at line 2"));
}

#[test]
fn a_body_cut_anywhere_is_a_problem_and_nothing_else() {
    for end in 0..TWO_ENTRIES.len() {
        assert!(split(&TWO_ENTRIES.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn depth_is_no_danger() {
    let deep = format!(r#"{{"entry":[{{"changes":[{{"value":{}1{}}}]}}]}}"#, "[".repeat(200_000), "]".repeat(200_000));
    for change in split(deep.as_bytes()).unwrap_or_default() {
        assert_eq!(change.read().content, domain::meta::event::Content::Unread);
        let _ = change.peek();
    }
    assert!(split("[".repeat(200_000).as_bytes()).is_err());
}

#[test]
fn a_repeated_change_has_the_same_key_and_any_other_another() {
    let key = |id, field, time, value| dedup_key(&RawChange::from_parts(id, field, time, value).unwrap());
    let first = key("710", "messages", Some(1), r#"{"a":1}"#);
    assert_eq!(first, key("710", "messages", Some(1), r#"{"a":1}"#));
    let others = [
        key("711", "messages", Some(1), r#"{"a":1}"#),
        key("710", "message", Some(1), r#"{"a":1}"#),
        key("710", "messages", None, r#"{"a":1}"#),
        key("710", "messages", Some(2), r#"{"a":1}"#),
        key("710", "messages", Some(1), r#"{"a":2}"#),
        key("710m", "essages", Some(1), r#"{"a":1}"#),
    ];
    assert!(!others.contains(&first));
    let changes = split(TWO_ENTRIES.as_bytes()).unwrap();
    let stored = RawChange::from_parts("711", "security", Some(1_790_000_000), changes[2].value.get()).unwrap();
    assert_eq!(dedup_key(&stored), dedup_key(&changes[2]), "a stored change keeps its key");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), header in ".{0,80}") {
        let _ = split(&bytes);
        let secret = SecretString::from("secret");
        let _ = verify(std::slice::from_ref(&secret), Some(&header), &bytes);
        prop_assert!(verify(std::slice::from_ref(&secret), Some(&sign(&secret, &bytes)), &bytes).is_ok());
    }

    #[test]
    fn one_changed_byte_spoils_the_signature(at in 0..TWO_ENTRIES.len(), flip in 1_u8..) {
        let secret = SecretString::from("secret");
        let mut body = TWO_ENTRIES.as_bytes().to_vec();
        let header = sign(&secret, &body);
        body[at] ^= flip;
        prop_assert!(verify(&[secret], Some(&header), &body).is_err());
    }

    /// Near misses: real posts with one byte changed are split, refused or read, never a panic.
    #[test]
    fn a_damaged_post_never_panics(at in 0..TWO_ENTRIES.len(), byte in any::<u8>()) {
        let mut body = TWO_ENTRIES.as_bytes().to_vec();
        body[at] = byte;
        for change in split(&body).unwrap_or_default() {
            let (_, _, _) = (change.peek(), change.read(), dedup_key(&change));
        }
    }
}
