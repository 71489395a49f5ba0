//! The parts of a change that forwarding needs: its messages and statuses with their counterparts and their own ids, and the
//! post Meta would have sent with this change alone. Copies Meta's bytes and decides nothing.

use std::collections::{BTreeSet, HashMap};

use domain::delivery::Counterpart;
use domain::phone::is_same_number;
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::RawChange;

/// The messages and statuses of a change, each byte for byte.
#[derive(Debug, Clone, Default)]
pub struct Items<'a> {
    pub messages: Vec<Item<'a>>,
    pub statuses: Vec<Item<'a>>,
    /// The errors of the number itself, which belong to no message; `None` where there are none.
    pub errors: Option<&'a RawValue>,
    /// Everybody the change is with, each once. Empty for a change that is about no person and no group.
    pub counterparts: Vec<Counterpart>,
}

/// One message or one status.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    pub raw: &'a RawValue,
    /// Its people's contacts; all of the change where none names them.
    pub contacts: Vec<&'a RawValue>,
    pub counterparts: Vec<Counterpart>,
    /// What tells the item from every other, in whichever post Meta repeats it: the message's id, and for a status also what
    /// it says of whom and when. `None` where Meta gave no id.
    pub identity: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
struct Value<'a> {
    #[serde(default)]
    metadata: Json,
    #[serde(borrow, default)]
    contacts: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    statuses: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    errors: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message_echoes: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    calls: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    groups: Vec<&'a RawValue>,
}

/// A member that names somebody or something; empty where it is absent or no text and no number.
#[derive(Deserialize, Default, Clone)]
#[serde(from = "Json")]
struct Id(String);

impl From<Json> for Id {
    fn from(value: Json) -> Self {
        match value {
            Json::String(text) => Self(text),
            Json::Number(number) => Self(number.to_string()),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => Self::default(),
        }
    }
}

/// The members of a contact, message, status, echo, call or group that name somebody or identify it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Members {
    id: Id,
    status: Id,
    timestamp: Id,
    group_id: Id,
    wa_id: Id,
    user_id: Id,
    parent_user_id: Id,
    from: Id,
    from_user_id: Id,
    from_parent_user_id: Id,
    to: Id,
    to_user_id: Id,
    to_parent_user_id: Id,
    recipient_type: Id,
    recipient_id: Id,
    recipient_user_id: Id,
    recipient_parent_user_id: Id,
    recipient_participant_id: Id,
    recipient_participant_user_id: Id,
}

fn members(raw: &RawValue) -> Members {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn filled<const N: usize>(ids: [Id; N]) -> Vec<String> {
    ids.into_iter().map(|Id(id)| id).filter(|id| !id.is_empty()).collect()
}

/// The contacts of a change: each is one person by several ids.
#[derive(Default)]
struct Contacts<'a> {
    raw: Vec<&'a RawValue>,
    people: Vec<Vec<String>>,
    by_id: HashMap<String, usize>,
}

impl<'a> Contacts<'a> {
    fn read(raw: Vec<&'a RawValue>) -> Self {
        let mut contacts = Self::default();
        for contact in raw.iter().map(|raw| members(raw)) {
            let ids = filled([contact.wa_id, contact.user_id, contact.parent_user_id]);
            contacts.by_id.extend(ids.iter().map(|id| (id.clone(), contacts.people.len())));
            contacts.people.push(ids);
        }
        Self { raw, ..contacts }
    }

    fn named_by(&self, ids: &[String]) -> BTreeSet<usize> {
        ids.iter().filter_map(|id| self.by_id.get(id)).copied().collect()
    }

    fn of(&self, ids: &[String]) -> Vec<&'a RawValue> {
        let named: Vec<_> = self.named_by(ids).into_iter().filter_map(|at| self.raw.get(at)).copied().collect();
        if named.is_empty() { self.raw.clone() } else { named }
    }

    /// The same person by every id that is known here.
    fn complete(&self, mut ids: Vec<String>) -> Vec<String> {
        let known = self.named_by(&ids).into_iter().filter_map(|at| self.people.get(at)).flatten();
        let more: Vec<String> = known.filter(|id| !ids.contains(id)).cloned().collect();
        ids.extend(more);
        ids
    }
}

impl RawChange<'_> {
    /// The single items of a change; a value of an unknown shape has none.
    pub fn items(&self) -> Items<'_> {
        let value: Value<'_> = serde_json::from_str(self.value.get()).unwrap_or_default();
        let contacts = Contacts::read(value.contacts);
        let messages: Vec<Item<'_>> = value.messages.iter().map(|raw| message(raw, &contacts)).collect();
        let statuses: Vec<Item<'_>> = value.statuses.iter().map(|raw| status(raw, &contacts)).collect();
        let own_number = value.metadata["display_phone_number"].as_str().unwrap_or_default();
        let of_items = messages.iter().chain(&statuses).flat_map(|item| item.counterparts.clone());
        let of_echoes = value.message_echoes.iter().flat_map(|raw| {
            let Members { group_id, to, to_user_id, to_parent_user_id, .. } = members(raw);
            Counterpart::of(group(group_id), contacts.complete(filled([to, to_user_id, to_parent_user_id])))
        });
        let of_calls = value.calls.iter().flat_map(|raw| caller(members(raw), own_number, &contacts));
        let of_groups = value.groups.iter().filter_map(|raw| group(members(raw).group_id)).map(Counterpart::Group);
        let mut counterparts: Vec<Counterpart> = of_items.chain(of_echoes).chain(of_calls).chain(of_groups).collect();
        if counterparts.is_empty() {
            counterparts = Counterpart::of(None, contacts.people.into_iter().flatten());
        }
        counterparts.sort_unstable();
        counterparts.dedup();
        let is_filled =
            |list: &&RawValue| serde_json::from_str::<Vec<&RawValue>>(list.get()).is_ok_and(|it| !it.is_empty());
        let errors = value.errors.filter(is_filled);
        Items { messages, statuses, errors, counterparts }
    }

    /// The post Meta would have sent with this change alone, its value byte for byte.
    pub fn as_post(&self) -> Vec<u8> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut post = String::with_capacity(self.value.get().len() + 160);
        post.push_str(r#"{"object":"whatsapp_business_account","entry":[{"id":"#);
        post.push_str(&quoted(&self.entry_id));
        if let Some(time) = self.time {
            post.push_str(r#","time":"#);
            post.push_str(&time.to_string());
        }
        post.push_str(r#","changes":[{"value":"#);
        post.push_str(self.value.get());
        post.push_str(r#","field":"#);
        post.push_str(&quoted(&self.field));
        post.push_str("}]}]}");
        post.into_bytes()
    }
}

fn group(Id(id): Id) -> Option<String> {
    Some(id).filter(|id| !id.is_empty())
}

fn message<'a>(raw: &'a RawValue, contacts: &Contacts<'a>) -> Item<'a> {
    let Members { id, group_id, from, from_user_id, from_parent_user_id, .. } = members(raw);
    let identity = (!id.0.is_empty()).then(|| vec!["message".to_owned(), id.0]);
    let people = contacts.complete(filled([from, from_user_id, from_parent_user_id]));
    let contacts = contacts.of(&people);
    Item { raw, contacts, counterparts: Counterpart::of(group(group_id), people), identity }
}

/// The recipient of a status in a group is the group; the participant it is about stands beside.
fn status<'a>(raw: &'a RawValue, contacts: &Contacts<'a>) -> Item<'a> {
    let it = members(raw);
    let said = [&it.id, &it.status, &it.timestamp, &it.recipient_id, &it.recipient_user_id];
    let said = said.into_iter().chain([&it.recipient_participant_id, &it.recipient_participant_user_id]);
    let identity = std::iter::once("status").chain(said.map(|Id(id)| id.as_str())).map(str::to_owned).collect();
    let identity = Some(identity).filter(|_| !it.id.0.is_empty());
    let is_of_group = it.recipient_type.0 == "group";
    let of_group = group(if is_of_group { it.recipient_id.clone() } else { it.group_id });
    let people = if is_of_group {
        filled([it.recipient_participant_id, it.recipient_participant_user_id])
    } else {
        filled([it.recipient_id, it.recipient_user_id, it.recipient_parent_user_id])
    };
    let people = contacts.complete(people);
    let contacts = contacts.of(&people);
    Item { raw, contacts, counterparts: Counterpart::of(of_group, people), identity }
}

/// The other side of a call. `from` and `to` say who called whom, and one of them is the number itself: `direction` does not
/// tell which in all of Meta's examples.
fn caller(call: Members, own_number: &str, contacts: &Contacts<'_>) -> Vec<Counterpart> {
    let mut ids = filled([call.from, call.to]);
    ids.retain(|id| !is_same_number(id, own_number));
    ids.extend(filled([call.from_user_id, call.from_parent_user_id, call.to_user_id, call.to_parent_user_id]));
    Counterpart::of(group(call.group_id), contacts.complete(ids))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::split;
    use super::*;

    const BATCH: &str = r#"{"object":"whatsapp_business_account","entry":[{"id":"71","time":1790000000,"changes":[
        {"field":"messages","value":{"metadata":{"phone_number_id":"72"},
         "contacts":[{"wa_id":"15550199999","user_id":"US.1"}],
         "messages":[{"from":"15550199999","id":"wamid.A","text":{"body":"\u00e4"}}, {"from_user_id":"US.2"}],
         "statuses":[{"recipient_id":"15550188888","status":"sent"}]}},
        {"field":"smb_message_echoes","value":{"message_echoes":[{"from":"15550100001","to":"15550177777"}]}},
        {"field":"account_update","value":{"event":"PARTNER_ADDED","waba_info":{"waba_id":"71"}}},
        {"field":"messages","value":[1]}]}]}"#;

    fn people(ids: &[&str]) -> Vec<Counterpart> {
        ids.iter().map(|id| Counterpart::Person((*id).to_owned())).collect()
    }

    /// The counterparts of a change of this field and value.
    fn counterparts(field: &str, value: &Json) -> Vec<Counterpart> {
        let value = value.to_string();
        RawChange::from_parts("71", field, None, &value).unwrap().items().counterparts
    }

    #[test]
    fn items_have_their_own_counterparts_and_the_business_is_nobody() {
        let changes = split(BATCH.as_bytes()).unwrap();
        let items = changes[0].items();
        assert_eq!((items.messages.len(), items.statuses.len()), (2, 1));
        assert_eq!(items.messages[0].counterparts, people(&["15550199999", "US.1"]), "the contact completes it");
        assert_eq!(items.messages[1].counterparts, people(&["US.2"]));
        assert_eq!(items.statuses[0].counterparts, people(&["15550188888"]));
        assert_eq!(items.counterparts, people(&["15550188888", "15550199999", "US.1", "US.2"]));
        assert_eq!(changes[1].items().counterparts, people(&["15550177777"]));
        assert!(changes[2].items().counterparts.is_empty());
        assert!(changes[3].items().messages.is_empty());
    }

    #[test]
    fn an_item_has_the_contacts_of_its_own_people() {
        let (one, two) = (json!({ "wa_id": "1", "user_id": "US.1" }), json!({ "wa_id": "2" }));
        let value = json!({ "contacts": [one, two],
            "messages": [{ "from_user_id": "US.1" }, { "from": "2" }, { "from": "3" }],
            "statuses": [{ "recipient_id": "2" }] })
        .to_string();
        let change = RawChange::from_parts("71", "messages", None, &value).unwrap();
        let items = change.items();
        let contacts = items.messages.iter().chain(&items.statuses);
        let contacts: Vec<Vec<String>> =
            contacts.map(|item| item.contacts.iter().map(|contact| contact.get().to_owned()).collect()).collect();
        let (one, two) = (one.to_string(), two.to_string());
        assert_eq!(contacts, [vec![one.clone()], vec![two.clone()], vec![one, two.clone()], vec![two]]);
    }

    #[test]
    fn a_call_is_with_the_other_side_whoever_called() {
        let metadata = json!({ "display_phone_number": "+55 11 8765-4321", "phone_number_id": "72" });
        let of = |calls: Json| counterparts("calls", &json!({ "metadata": metadata, "calls": calls }));
        // the number is written with the ninth digit here and without it there
        assert_eq!(of(json!([{ "from": "15550199999", "to": "5511987654321" }])), people(&["15550199999"]));
        assert_eq!(of(json!([{ "from": "551187654321", "to": 15_550_199_999_i64 }])), people(&["15550199999"]));
        let by_id = json!([{ "from": "551187654321", "to_user_id": "US.1" }]);
        assert_eq!(of(by_id), people(&["US.1"]));
        let ringing = json!({ "statuses": [{ "id": "wacid.1", "type": "call", "recipient_id": "15550199999" }] });
        assert_eq!(counterparts("calls", &ringing), people(&["15550199999"]));
    }

    #[test]
    fn a_group_is_the_counterpart_of_what_is_written_in_it() {
        let group = vec![Counterpart::Group("G".to_owned())];
        let value = json!({ "contacts": [{ "wa_id": "15550199999" }],
            "messages": [{ "from": "15550199999", "group_id": "G", "id": "wamid.A" }],
            "statuses": [{ "id": "wamid.B", "recipient_type": "group", "recipient_id": "G",
                "recipient_participant_id": "15550188888" }] });
        assert_eq!(counterparts("messages", &value), group, "the sender's own conversation is another");
        let update = json!({ "groups": [{ "group_id": "G", "added_participants": [{ "wa_id": "15550199999" }] }] });
        assert_eq!(counterparts("group_participants_update", &update), group);
    }

    #[test]
    fn an_item_is_identified_by_its_own_id_in_whichever_batch_it_comes() {
        let identities = |value: Json| {
            let value = value.to_string();
            let change = RawChange::from_parts("71", "messages", None, &value).unwrap();
            let items = change.items();
            items.messages.iter().chain(&items.statuses).map(|item| item.identity.clone()).collect::<Vec<_>>()
        };
        let (one, other) = (json!({ "id": "wamid.A", "from": "1" }), json!({ "id": "wamid.B", "from": "2" }));
        let together = identities(json!({ "messages": [one, other] }));
        let apart = [identities(json!({ "messages": [other] })), identities(json!({ "messages": [one] }))];
        assert_eq!((&together[0], &together[1]), (&apart[1][0], &apart[0][0]));
        let status = |word: &str, to: &str| json!({ "id": "wamid.A", "status": word, "recipient_id": to });
        let said = json!({ "messages": [{ "from": "1" }, one],
            "statuses": [status("sent", "1"), status("read", "1"), status("read", "2"), { "status": "read" }] });
        let mut said = identities(said);
        assert_eq!((said.first(), said.last()), (Some(&None), Some(&None)), "without an id");
        said.dedup();
        assert_eq!(said.len(), 6, "none is another: {said:?}");
    }

    #[test]
    fn errors_of_the_number_are_no_message() {
        let of = |value: Json| {
            let value = value.to_string();
            let change = RawChange::from_parts("71", "messages", None, &value).unwrap();
            let items = change.items();
            assert!(items.messages.is_empty() && items.statuses.is_empty());
            items.errors.map(|errors| errors.get().to_owned())
        };
        assert_eq!(of(json!({ "errors": [{ "code": 130_429 }] })).as_deref(), Some(r#"[{"code":130429}]"#));
        assert_eq!((of(json!({ "errors": [] })), of(json!({}))), (None, None));
    }

    #[test]
    fn a_change_alone_is_a_post_that_splits_into_itself() {
        let changes = split(BATCH.as_bytes()).unwrap();
        for change in &changes {
            let post = change.as_post();
            let again = split(&post).unwrap();
            assert_eq!(again.len(), 1);
            assert_eq!(again[0].value.get(), change.value.get(), "byte for byte");
            assert_eq!(
                (&again[0].entry_id, &again[0].field, again[0].time),
                (&change.entry_id, &change.field, change.time)
            );
        }
    }
}
