//! Every payload of Meta's that is known, and those that name a person by other ids than a number.

use serde_json::{Value, json};

use super::{Erased, Person, erase};
use crate::webhook::split;

/// The person of Meta's examples.
const ADA: &str = "15550199999";

/// Somebody else, in place of them.
const BEN: &str = "15550177777";

fn payloads() -> Vec<(String, String)> {
    let text = include_str!("../../../../../meta/webhook_fields.json");
    let all: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    let mut values = Vec::new();
    for (name, payload) in all {
        let body = payload.to_string();
        for change in split(body.as_bytes()).unwrap_or_default() {
            values.push((name.clone(), change.value.get().to_owned()));
        }
    }
    assert!(values.len() > 50);
    values
}

fn without(value: &str, person: &str) -> Erased {
    erase(value, &mut Person::parse(person).unwrap())
}

#[test]
fn nothing_of_a_person_is_left_of_any_payload_and_others_are_untouched() {
    let mut concerned = 0;
    for (name, value) in payloads() {
        let names_ada = value.contains(ADA);
        match without(&value, ADA) {
            Erased::Untouched => assert!(!names_ada, "{name}: {value}"),
            Erased::Nothing => assert!(names_ada, "{name}: {value}"),
            Erased::Rest(rest) => panic!("{name} is about one person alone: {rest}"),
        }
        concerned += usize::from(names_ada);
        assert_eq!(without(&value, BEN), Erased::Untouched, "{name}");
        assert_eq!(without(&value, "US.13491208655302741918"), Erased::Untouched, "{name}");
    }
    assert!(concerned >= 8, "{concerned}");
}

/// The same payload with a second person's items beside the first one's, in each of its lists.
fn with_ben(value: &str) -> Option<(String, Vec<String>)> {
    let mut parsed: Value = serde_json::from_str(value).unwrap();
    let mut added = Vec::new();
    let wamid_of_ada = "HBgLMTU1NTAxOTk5OTkV";
    for (name, list) in parsed.as_object_mut().unwrap().iter_mut().filter(|(name, _)| *name != "metadata") {
        let Some(items) = list.as_array_mut() else { continue };
        for item in items.clone().iter().filter(|item| item.to_string().contains(ADA)) {
            let text = item.to_string().replace(ADA, BEN).replace("Ada", "Ben").replace(wamid_of_ada, "HBgL");
            // another new number too: two people with one would be the same person
            let text = text.replace("15550188888", "15550166666");
            items.insert(0, serde_json::from_str(&text).unwrap());
            if name != "contacts" {
                added.push(text);
            }
        }
    }
    (!added.is_empty()).then(|| (parsed.to_string(), added))
}

#[test]
fn of_two_people_one_is_taken_out_and_the_other_stays_byte_for_byte() {
    let mut tried = 0;
    for (name, value) in payloads() {
        let Some((both, of_ben)) = with_ben(&value) else { continue };
        let Erased::Rest(rest) = without(&both, "+1 555-019-9999") else { panic!("{name}: {both}") };
        serde_json::from_str::<Value>(&rest).unwrap();
        assert!(!rest.contains(ADA) && !rest.contains("Ada"), "{name}: {rest}");
        for item in of_ben {
            assert!(rest.contains(&item), "{name}: {item} is not in {rest}");
        }
        assert_eq!(without(&rest, ADA), Erased::Untouched, "{name}");
        assert_eq!(without(&rest, BEN), Erased::Nothing, "{name}");
        tried += 1;
    }
    assert!(tried >= 8, "{tried}");
}

#[test]
fn what_stays_is_written_as_it_was() {
    let ben = r#"{ "from" : "15550177777","n":1.50, "text":{"body":"\u00e4 \/ 12345678901234567890"} }"#;
    let value = format!(
        r#"{{"messaging_product":"whatsapp", "metadata": {{"phone_number_id" : "7"}},
        "messages":[{ben},{{"from":"{ADA}","text":{{"body":"hi"}}}}],"more":[ 1, 2 ]}}"#
    );
    let expected = format!(
        r#"{{"messaging_product":"whatsapp","metadata":{{"phone_number_id" : "7"}},"messages":[{ben}],"more":[ 1, 2 ]}}"#
    );
    assert_eq!(without(&value, ADA), Erased::Rest(expected));
}

#[test]
fn an_id_beside_a_known_one_is_theirs_too() {
    let contacts = json!({ "contacts": [{ "profile": { "name": "Ada" }, "wa_id": ADA, "user_id": "US.134912086553" }],
        "messages": [{ "from": ADA, "from_user_id": "US.134912086553", "id": "wamid.A" }] });
    let status = json!({ "statuses": [{ "id": "wamid.B", "recipient_user_id": "US.134912086553", "status": "read" }] });
    let mut ada = Person::parse(ADA).unwrap();
    assert_eq!(erase(&status.to_string(), &mut ada), Erased::Untouched, "not known yet");
    assert_eq!(erase(&contacts.to_string(), &mut ada), Erased::Nothing);
    assert_eq!(ada.ids().collect::<Vec<_>>(), [ADA, "US.134912086553"]);
    assert_eq!(erase(&status.to_string(), &mut ada), Erased::Nothing);
    // and the other way round, for who is known by that id alone
    let mut by_id = Person::parse("US.134912086553").unwrap();
    assert_eq!(erase(&contacts.to_string(), &mut by_id), Erased::Nothing);
    assert_eq!(by_id, ada);
    // a contact that names only the id goes with the message that tells whose it is
    let apart = json!({ "contacts": [{ "profile": { "name": "Ada" }, "user_id": "US.134912086553" }, { "wa_id": BEN }],
        "messages": [{ "from": ADA, "from_user_id": "US.134912086553" }, { "from": BEN }] });
    let Erased::Rest(rest) = without(&apart.to_string(), ADA) else { panic!() };
    assert_eq!(rest, format!(r#"{{"contacts":[{{"wa_id":"{BEN}"}}],"messages":[{{"from":"{BEN}"}}]}}"#));
}

/// The ids before and after a change are one person's, whichever of them the erasure was asked for by.
#[test]
fn changes_of_number_and_of_id_are_followed() {
    let number = json!({ "messages": [{ "from": "15550199999", "type": "system", "system": {
        "body": "User Ada changed from 15550199999 to 15550188888", "wa_id": "15550188888", "user_id": "US.2134912086",
        "previous_user_id": "US.1349120865", "type": "user_changed_number" } }] });
    let scoped_id = json!({ "messages": [{ "type": "system", "system": { "user_id": "US.2134912086",
        "previous_user_id": "US.1349120865", "type": "user_changed_user_id" } }] });
    let by_sender = json!({ "messages": [{ "from": "15550199999", "from_user_id": "US.1349120865", "type": "system",
        "system": { "user_id": "US.2134912086", "type": "user_changed_user_id" } }] });
    let of_field = json!({ "user_id_update": [{ "wa_id": "15550199999",
        "user_id": { "previous": "US.1349120865", "current": "US.2134912086" } }] });
    for (value, ids) in [
        (&number, &["15550199999", "15550188888", "US.1349120865", "US.2134912086"][..]),
        (&scoped_id, &["US.1349120865", "US.2134912086"]),
        (&by_sender, &["15550199999", "US.1349120865", "US.2134912086"]),
        (&of_field, &["15550199999", "US.1349120865", "US.2134912086"]),
    ] {
        for asked_for in ids {
            let mut person = Person::parse(asked_for).unwrap();
            assert_eq!(erase(&value.to_string(), &mut person), Erased::Nothing, "{asked_for} in {value}");
            let mut known: Vec<&str> = ids.to_vec();
            known.sort_unstable();
            assert_eq!(person.ids().collect::<Vec<_>>(), known, "{asked_for} in {value}");
        }
    }
    // another key on the same phone is no other person
    let identity = json!({ "messages": [{ "from": BEN, "type": "system",
        "system": { "wa_id": ADA, "type": "user_identity_changed" } }] });
    let mut ben = Person::parse(BEN).unwrap();
    erase(&identity.to_string(), &mut ben);
    assert_eq!(ben.ids().collect::<Vec<_>>(), [BEN]);
}

#[test]
fn calls_groups_and_shared_cards_are_thinned() {
    let call = json!({ "calls": [{ "id": "wacid.1", "to": "15550100001", "from": ADA, "event": "connect" }] });
    assert_eq!(without(&call.to_string(), ADA), Erased::Nothing);
    let cards = json!({ "messages": [{ "from": BEN, "contacts": [{ "name": { "formatted_name": "Ada" },
        "phones": [{ "phone": "+1 (555) 019-9999", "wa_id": ADA }] }, { "name": { "formatted_name": "Cy" } }] }] });
    let Erased::Rest(rest) = without(&cards.to_string(), ADA) else { panic!() };
    assert!(rest.contains("Cy") && rest.contains(BEN) && !rest.contains("Ada"), "{rest}");
    let group = json!({ "groups": [{ "group_id": "g1", "added_participants": [{ "wa_id": ADA }, { "wa_id": BEN }] }] });
    let Erased::Rest(rest) = without(&group.to_string(), ADA) else { panic!() };
    let rest: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(rest, json!({ "groups": [{ "group_id": "g1", "added_participants": [{ "wa_id": BEN }] }] }));
}

#[test]
fn the_business_itself_and_instants_are_nobody() {
    let value = json!({ "metadata": { "display_phone_number": "15550100001", "phone_number_id": "720000000000001" },
        "messages": [{ "from": BEN, "timestamp": "1790000000" }] });
    assert_eq!(without(&value.to_string(), "15550100001"), Erased::Untouched);
    assert_eq!(without(&value.to_string(), "1790000000"), Erased::Untouched);
}

#[test]
fn what_cannot_be_read_goes_when_it_names_them() {
    let broken = format!(r#"{{"messages":[{{"from":"{ADA}","text":"\ud83d"}}]}}"#);
    assert_eq!(without(&broken, ADA), Erased::Nothing);
    assert_eq!(without(&broken, BEN), Erased::Untouched);
    assert_eq!(without("null", ADA), Erased::Untouched);
    assert_eq!(without(&format!("[\"{ADA}\"]"), ADA), Erased::Nothing);
}
