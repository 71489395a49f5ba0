//! The parts of a change that forwarding needs: the people of its conversation, its messages and statuses, and the post Meta
//! would have sent with this change alone. Copies Meta's bytes and decides nothing.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::RawChange;

/// The messages and statuses of a change, each byte for byte, and who they are with.
#[derive(Debug, Clone, Default)]
pub struct Items<'a> {
    pub contacts: Vec<&'a RawValue>,
    pub messages: Vec<&'a RawValue>,
    pub statuses: Vec<&'a RawValue>,
    /// The people of the conversation: phone numbers as digits and business-scoped ids, as Meta wrote them, each once. Empty for
    /// a change that is about no person.
    pub people: Vec<String>,
}

#[derive(Deserialize, Default)]
struct Value<'a> {
    #[serde(borrow, default)]
    contacts: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    statuses: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    message_echoes: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    calls: Vec<&'a RawValue>,
}

/// Every id of a person in an item; `from` of an echo and `to` of a message are the business.
#[derive(Deserialize, Default)]
struct Person {
    #[serde(default)]
    wa_id: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    from_user_id: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    to_user_id: Option<String>,
    #[serde(default)]
    recipient_id: Option<String>,
    #[serde(default)]
    recipient_user_id: Option<String>,
}

impl RawChange<'_> {
    /// The single items of a change; a value of an unknown shape has none.
    pub fn items(&self) -> Items<'_> {
        let value: Value<'_> = serde_json::from_str(self.value.get()).unwrap_or_default();
        let mut people = Vec::new();
        let mut add_person = |name: Option<String>| {
            if let Some(name) = name.filter(|name| !name.is_empty() && !people.contains(name)) {
                people.push(name);
            }
        };
        let read = |raw: &RawValue| serde_json::from_str::<Person>(raw.get()).unwrap_or_default();
        for person in value.contacts.iter().map(|raw| read(raw)) {
            add_person(person.wa_id);
            add_person(person.user_id);
        }
        for person in value.messages.iter().map(|raw| read(raw)) {
            add_person(person.from);
            add_person(person.from_user_id);
        }
        for person in value.statuses.iter().map(|raw| read(raw)) {
            add_person(person.recipient_id);
            add_person(person.recipient_user_id);
        }
        for person in value.message_echoes.iter().map(|raw| read(raw)) {
            add_person(person.to);
            add_person(person.to_user_id);
        }
        for person in value.calls.iter().map(|raw| read(raw)) {
            for name in [person.from, person.from_user_id, person.to, person.to_user_id] {
                add_person(name);
            }
        }
        let Value { contacts, messages, statuses, .. } = value;
        Items { contacts, messages, statuses, people }
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

#[cfg(test)]
mod tests {
    use super::super::split;

    const BATCH: &str = r#"{"object":"whatsapp_business_account","entry":[{"id":"71","time":1790000000,"changes":[
        {"field":"messages","value":{"metadata":{"phone_number_id":"72"},
         "contacts":[{"wa_id":"15550199999","user_id":"US.1"}],
         "messages":[{"from":"15550199999","id":"wamid.A","text":{"body":"\u00e4"}}, {"from_user_id":"US.2"}],
         "statuses":[{"recipient_id":"15550188888","status":"sent"}]}},
        {"field":"smb_message_echoes","value":{"message_echoes":[{"from":"15550100001","to":"15550177777"}]}},
        {"field":"account_update","value":{"event":"PARTNER_ADDED","waba_info":{"waba_id":"71"}}},
        {"field":"messages","value":[1]}]}]}"#;

    #[test]
    fn people_and_items_are_found_and_the_business_is_nobody() {
        let changes = split(BATCH.as_bytes()).unwrap();
        let items = changes[0].items();
        assert_eq!((items.contacts.len(), items.messages.len(), items.statuses.len()), (1, 2, 1));
        assert_eq!(items.people, ["15550199999", "US.1", "US.2", "15550188888"]);
        assert_eq!(changes[1].items().people, ["15550177777"]);
        assert!(changes[2].items().people.is_empty());
        assert!(changes[3].items().messages.is_empty());
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
