//! The repairs of a callback as JSON, for columns that keep them. Their meaning is `domain::callbacks`'.

use domain::callbacks::{Problem, Repair, Repairs};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Repairs as JSON; null for none, which is the usual case.
pub fn repairs_to_json(repairs: &Repairs) -> Value {
    if *repairs == Repairs::default() {
        return Value::Null;
    }
    let made: Vec<Value> = repairs
        .made
        .iter()
        .map(|Repair { problem, at, worked }| json!([problem.into_str(), at.as_microsecond(), worked]))
        .collect();
    json!({ "made": made, "asked": repairs.asked.map(|problem| problem.into_str()) })
}

/// Reads repairs back. One that this version does not know is left out: it costs a repair, not a number.
pub fn repairs_from_json(value: &Value) -> Repairs {
    let made = value.get("made").and_then(Value::as_array).into_iter().flatten();
    Repairs {
        made: made.filter_map(repair).collect(),
        asked: value.get("asked").and_then(Value::as_str).and_then(|word| word.parse().ok()),
    }
}

fn repair(row: &Value) -> Option<Repair> {
    let problem: Problem = row.get(0)?.as_str()?.parse().ok()?;
    let at = Timestamp::from_microsecond(row.get(1)?.as_i64()?).ok()?;
    Some(Repair { problem, at, worked: row.get(2)?.as_bool()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_survive_their_json() {
        let at = Timestamp::from_second(1_790_000_000).unwrap();
        let repair = |problem, worked| Repair { problem, at, worked };
        let made = vec![repair(Problem::Unsubscribed, true), repair(Problem::OverrideForeign, false)];
        let repairs = Repairs { made, asked: Some(Problem::AppForeign) };
        assert_eq!(repairs_from_json(&repairs_to_json(&repairs)), repairs);
        assert_eq!(repairs_to_json(&Repairs::default()), Value::Null);
        assert_eq!(repairs_from_json(&Value::Null), Repairs::default());
        assert_eq!(repairs_from_json(&json!({ "made": [["new_word", 1, true], 7] })), Repairs::default());
    }
}
