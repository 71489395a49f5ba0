//! Removes one person from a change: their messages, statuses, contacts, calls, echoes, threads and every other list item
//! that names them. The rest stays byte for byte. Must not know where changes are stored or who may request an erasure.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

mod members;
mod person;

use members::{join, members, write_list};
pub use person::Person;

/// The result of removing a person from a change's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erased {
    /// The value does not concern the person.
    Untouched,
    /// The value concerned only the person: the whole change is removed.
    Nothing,
    /// The value without the person.
    Rest(String),
}

/// Lists inside an item that may also hold other people's data: threads of a history, messages of a thread, contact cards in
/// a message, members of a group. Any other item is removed as a whole.
const PARTED: [&str; 6] =
    ["threads", "messages", "contacts", "participants", "added_participants", "removed_participants"];

/// Members that accompany content and are no content by themselves.
const COMPANIONS: [&str; 3] = ["messaging_product", "metadata", "contacts"];

/// The business's own number, and the number's id.
const OWN: &str = "metadata";

/// Groups of members that name the same person in several ways.
const SAME: [&[&str]; 4] = [
    &["wa_id", "phone_number", "user_id", "parent_user_id"],
    &["from", "from_user_id", "from_parent_user_id"],
    &["to", "to_user_id", "to_parent_user_id"],
    &["recipient_id", "recipient_user_id", "recipient_parent_user_id"],
];

/// Members of a system message and of its sender that are one person before and after a change of their number or their
/// business-scoped id: the old ids are the sender's or `previous_…`, the new ones stand in `system`.
const SENDER: [&str; 3] = ["from", "from_user_id", "from_parent_user_id"];
const CHANGED: [&str; 6] =
    ["wa_id", "new_wa_id", "user_id", "parent_user_id", "previous_user_id", "previous_parent_user_id"];

/// Removes the person from a value. Other ids of the person that stand beside a known one are added to `person`, so that a
/// message that names only those is found as well.
pub fn erase(value: &str, person: &mut Person) -> Erased {
    let Ok(parsed) = serde_json::from_str::<Value>(value) else { return of_unread(value, person) };
    let Some(object) = parsed.as_object() else { return of_unread(value, person) };
    let inside = || object.iter().filter(|(key, _)| *key != OWN);
    while inside().any(|(_, inner)| learn(inner, person)) {}
    if !inside().any(|(key, inner)| mentions(key, inner, person)) {
        return Erased::Untouched;
    }
    let Some(all) = members(value) else { return of_unread(value, person) };
    let mut kept = Vec::new();
    for (key, raw) in all {
        if key == OWN {
            kept.push((key, raw.get().to_owned()));
            continue;
        }
        match thin(&key, raw, person, true) {
            Thinned::Same => kept.push((key, raw.get().to_owned())),
            Thinned::Less(text) => kept.push((key, text)),
            Thinned::Gone if raw.get().starts_with('[') => {}
            // outside of a list the whole value concerns the person
            Thinned::Gone => return Erased::Nothing,
        }
    }
    if kept.iter().all(|(key, _)| COMPANIONS.contains(&key.as_str())) {
        return Erased::Nothing;
    }
    Erased::Rest(join(&kept))
}

/// A value of an unknown shape is removed as a whole when it names the person.
fn of_unread(value: &str, person: &Person) -> Erased {
    if person.is_written_in(value) { Erased::Nothing } else { Erased::Untouched }
}

enum Thinned {
    Same,
    Less(String),
    Gone,
}

/// A member without the person. Lists are thinned where their items are independent: directly in the value, and where
/// [`PARTED`] says so.
fn thin(key: &str, raw: &RawValue, person: &Person, at_top: bool) -> Thinned {
    let Ok(parsed) = serde_json::from_str::<Value>(raw.get()) else { return Thinned::Gone };
    if !mentions(key, &parsed, person) {
        return Thinned::Same;
    }
    if !at_top && !PARTED.contains(&key) {
        return Thinned::Gone;
    }
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else { return Thinned::Gone };
    let kept: Vec<String> = items.into_iter().filter_map(|item| thin_item(key, item, person)).collect();
    if kept.is_empty() { Thinned::Gone } else { Thinned::Less(write_list(&kept)) }
}

/// A list item without the person; `None` where the item is the person's, or nothing of it is left.
fn thin_item(key: &str, item: &RawValue, person: &Person) -> Option<String> {
    let parsed: Value = serde_json::from_str(item.get()).ok()?;
    if !mentions(key, &parsed, person) {
        return Some(item.get().to_owned());
    }
    let mut kept = Vec::new();
    for (key, raw) in members(item.get())? {
        match thin(&key, raw, person, false) {
            Thinned::Same => kept.push((key, raw.get().to_owned())),
            Thinned::Less(text) => kept.push((key, text)),
            Thinned::Gone => return None,
        }
    }
    Some(join(&kept))
}

/// Whether the person is named anywhere in the value.
fn mentions(key: &str, value: &Value, person: &Person) -> bool {
    match value {
        Value::Object(inner) => inner.iter().any(|(key, value)| mentions(key, value, person)),
        Value::Array(items) => items.iter().any(|item| mentions(key, item, person)),
        Value::String(text) => !is_time(key) && person.is(text),
        Value::Number(number) => !is_time(key) && person.is(&number.to_string()),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Ten digits may be a phone number, and are an instant in these.
fn is_time(key: &str) -> bool {
    key == "time" || key.ends_with("timestamp") || key.ends_with("_time") || key.starts_with("expir")
}

/// Adds ids that stand beside a known one and returns whether there were any. It is called until there are none.
fn learn(value: &Value, person: &mut Person) -> bool {
    match value {
        Value::Object(inner) => {
            let mut learnt = false;
            for names in SAME {
                learnt |= learn_all(&ids_of(inner, names), person);
            }
            if let Some(changed) =
                inner.get("system").and_then(Value::as_object).filter(|system| is_change_of_id(system))
            {
                let mut ids = ids_of(inner, &SENDER);
                ids.extend(ids_of(changed, &CHANGED));
                learnt |= learn_all(&ids, person);
            }
            learnt || inner.values().any(|inner| learn(inner, person))
        }
        Value::Array(items) => items.iter().any(|item| learn(item, person)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a system message says that a person has another number or another id now: `user_changed_number`,
/// `user_changed_user_id`, and the older `customer_changed_number`.
fn is_change_of_id(system: &Map<String, Value>) -> bool {
    system.get("type").and_then(Value::as_str).is_some_and(|kind| kind.contains("_changed_"))
}

/// The ids in these members; some hold the ids before and after a change.
fn ids_of<'a>(object: &'a Map<String, Value>, names: &[&str]) -> BTreeSet<&'a str> {
    let texts = |value: &'a Value| [Some(value), value.get("previous"), value.get("current")];
    names.iter().filter_map(|name| object.get(*name)).flat_map(texts).flatten().filter_map(Value::as_str).collect()
}

/// Adds ids of one person if any of them is known; whether any was new.
fn learn_all(ids: &BTreeSet<&str>, person: &mut Person) -> bool {
    let is_theirs = ids.iter().any(|id| person.is(id));
    is_theirs && ids.iter().filter(|id| person.add(id)).count() > 0
}

#[cfg(test)]
mod tests;
