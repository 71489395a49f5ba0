//! Compares the posts that arrived with those that were answered with 200. Pure.

use std::collections::HashMap;

use crate::support::receiver::Got;

/// Counts of messages; [`Self::is_right`] says whether they are as promised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    /// Messages answered with 200.
    pub(super) answered: usize,
    /// Posts the receiver took.
    pub(super) taken: usize,
    /// Answered, and never taken.
    pub(super) missing: usize,
    /// Taken for the first time after a later one of its conversation.
    pub(super) out_of_order: usize,
    /// Taken once more, with the same id.
    pub(super) again: usize,
    /// Taken once more, with another id.
    pub(super) other_id: usize,
}

impl Outcome {
    pub(super) fn is_right(&self) -> bool {
        self.missing == 0 && self.out_of_order == 0 && self.other_id == 0 && self.answered > 0
    }
}

/// `answered`: how many messages of each conversation.
pub(super) fn compare(taken: &[Got], answered: &HashMap<String, usize>) -> Outcome {
    let mut outcome = Outcome { answered: answered.values().sum(), taken: taken.len(), ..Outcome::default() };
    let mut ids: HashMap<(String, usize), String> = HashMap::new();
    let mut newest: HashMap<String, usize> = HashMap::new();
    for got in taken {
        let post = got.json();
        let message = &post["data"]["message"];
        let from = message["from"].as_str().unwrap().to_owned();
        let n: usize = message["text"]["body"].as_str().unwrap().parse().unwrap();
        match ids.get(&(from.clone(), n)) {
            Some(id) if id == got.id() => outcome.again += 1,
            Some(_) => outcome.other_id += 1,
            None => {
                ids.insert((from.clone(), n), got.id().to_owned());
                let newest = newest.entry(from).or_insert(n);
                outcome.out_of_order += usize::from(n < *newest);
                *newest = n.max(*newest);
            }
        }
    }
    let is_missing =
        |(from, count): (&String, &usize)| (0..*count).filter(|n| !ids.contains_key(&(from.clone(), *n))).count();
    outcome.missing = answered.iter().map(is_missing).sum();
    outcome
}

#[test]
fn what_is_wrong_is_seen() {
    let post = |n: usize, id: &str| {
        let body = serde_json::json!({ "data": { "message": { "from": "1", "text": { "body": n.to_string() } } } });
        let headers = [("webhook-id".parse().unwrap(), id.parse().unwrap())].into_iter().collect();
        Got { headers, body: body.to_string().into(), status: 200 }
    };
    let answered = HashMap::from([("1".to_owned(), 4)]);
    let right = compare(&[post(0, "a"), post(1, "b"), post(0, "a"), post(2, "c"), post(3, "d")], &answered);
    assert!(right.is_right() && right.again == 1, "{right:?}");
    let wrong = compare(&[post(1, "b"), post(0, "a"), post(1, "x")], &answered);
    assert_eq!((wrong.missing, wrong.out_of_order, wrong.other_id), (2, 1, 1));
}
