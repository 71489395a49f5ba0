//! The list of failpoints is complete: each is in the code exactly once, and every call that changes something
//! at Meta has a failpoint behind it, or a reason why it needs none.

use std::fs;
use std::path::{Path, PathBuf};

use server::runtime::failpoint::Failpoint;

/// What a call of the Graph client is to a process that dies right behind it.
enum Is {
    Read,
    /// It changes something, and this point stands behind it.
    Before(Failpoint),
    /// It changes something and is no step of a signup or registration that could be lost.
    Apart(#[expect(dead_code, reason = "for the reader")] &'static str),
    /// The product does not call it.
    Unused,
}

/// Every call of `graph-api`, by its name.
const CALLS: &[(&str, Is)] = &[
    ("exchange_code", Is::Before(Failpoint::CodeExchanged)),
    ("debug_token", Is::Read),
    ("accounts_of", Is::Read),
    ("app_subscription", Is::Read),
    ("subscribe_app", Is::Apart("it is of the installation, not of a number; compared again at every start")),
    ("refetch_business_token", Is::Apart("asked again, Meta gives a token again")),
    ("register", Is::Before(Failpoint::RegisterAnswered)),
    ("deregister", Is::Before(Failpoint::RegisterAnswered)),
    ("request_code", Is::Apart("a message to a person, of whom nothing is kept")),
    ("verify_code", Is::Before(Failpoint::CodeVerified)),
    ("set_pin", Is::Unused),
    ("subscribe", Is::Before(Failpoint::Subscribed)),
    ("subscribe_with_override", Is::Before(Failpoint::Overridden)),
    ("unsubscribe", Is::Apart("when a channel is given up")),
    ("set_number_override", Is::Before(Failpoint::Overridden)),
    ("clear_number_override", Is::Apart("when a channel is given up")),
    ("sync_coexistence", Is::Apart("behind set-up; asked a second time, Meta refuses and that is kept")),
    ("waba", Is::Read),
    ("numbers", Is::Read),
    ("fleet", Is::Read),
    ("number", Is::Read),
    ("code_verification", Is::Read),
    ("subscribed_apps", Is::Read),
];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} is empty");
    found
}

#[test]
fn every_point_stands_in_the_code_once() {
    let product = sources("server/src");
    let code: String = product.iter().map(|(_, text)| text.as_str()).collect();
    for point in Failpoint::ALL {
        let here = code.matches(&format!("reached(Failpoint::{point:?})")).count();
        assert_eq!(here, 1, "{point:?} stands in the code {here} times");
    }
    let all = code.matches("reached(Failpoint::").count();
    assert_eq!(all, Failpoint::ALL.len(), "a point stands in the code that is not in the list");
}

#[test]
fn every_call_that_changes_something_has_its_point_behind_it() {
    let mut names = Vec::new();
    for (_, text) in sources("graph-api/src/client") {
        let calls = text.split("pub async fn ").skip(1);
        names.extend(
            calls.map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap().to_owned()),
        );
    }
    let mut listed: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    listed.sort_unstable();
    assert_eq!(names, listed, "a call is listed here that the client does not have, or the other way round");

    let mut flows = sources("server/src/flows");
    // forwarding calls customers, never Meta; what subscribes there is a watch
    flows.retain(|(path, _)| !path.to_string_lossy().contains("/flows/forwarding"));
    for (name, is) in CALLS {
        let Is::Before(point) = is else { continue };
        let callers: Vec<_> = flows.iter().filter(|(_, text)| text.contains(&format!(".{name}("))).collect();
        assert!(!callers.is_empty(), "no flow calls {name}");
        for (path, text) in callers {
            let reached = text.contains(&format!("reached(Failpoint::{point:?})"));
            assert!(reached, "{} calls {name} and has no point behind it", path.display());
        }
    }
}

#[test]
fn a_call_said_to_be_unused_is_unused() {
    let unused = CALLS.iter().filter(|(_, is)| matches!(is, Is::Unused));
    for (name, _) in unused {
        for (path, text) in sources("server/src") {
            assert!(!text.contains(&format!(".{name}(")), "{} calls {name}", path.display());
        }
    }
}
