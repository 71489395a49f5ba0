//! The `fields` parameter: parses it and reduces values to the requested members. Must not know any node's fields.

use serde_json::{Map, Value};

use super::error::{GraphError, nonexisting_field};

/// One requested field with arguments and subfields, for example `phone_numbers.limit(100){id,status}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub name: String,
    pub args: Vec<(String, String)>,
    pub sub: Vec<Self>,
}

impl Field {
    pub(crate) fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), args: Vec::new(), sub: Vec::new() }
    }

    pub(crate) fn arg(&self, name: &str) -> Option<String> {
        self.args.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Parses a `fields` value. Like Graph, it ignores white space.
pub(crate) fn parse(text: &str) -> Result<Vec<Field>, GraphError> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut parser = Parser { text: &squeezed, at: 0, depth: 0 };
    let fields = parser.list()?;
    if parser.at < squeezed.len() { Err(parser.error("end of string")) } else { Ok(fields) }
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, c: char) -> bool {
        let hit = self.rest().starts_with(c);
        if hit {
            self.at += c.len_utf8();
        }
        hit
    }

    fn error(&self, expected: &str) -> GraphError {
        let found = self.rest().chars().next().map_or_else(|| "end of string".to_owned(), |c| format!("\"{c}\""));
        let message =
            format!("Syntax error \"Expected {expected} instead of {found}.\" at character {}: {}", self.at, self.text);
        GraphError::new(400, 2500, message)
    }

    fn name(&mut self) -> Result<String, GraphError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error("name"));
        }
        let name = rest[..end].to_owned();
        self.at += end;
        Ok(name)
    }

    fn list(&mut self) -> Result<Vec<Field>, GraphError> {
        let mut fields = Vec::new();
        loop {
            if self.rest().is_empty() || self.rest().starts_with('}') {
                return Ok(fields);
            }
            fields.push(self.item()?);
            if !self.take(',') {
                return Ok(fields);
            }
        }
    }

    fn item(&mut self) -> Result<Field, GraphError> {
        let mut field = Field::plain(&self.name()?);
        while self.take('.') {
            let name = self.name()?;
            if !self.take('(') {
                return Err(self.error("\"(\""));
            }
            let Some(end) = self.rest().find(')') else { return Err(self.error("\")\"")) };
            field.args.push((name, self.rest()[..end].to_owned()));
            self.at += end + 1;
        }
        if self.rest().starts_with('{') {
            // Graph itself allows a handful of levels; the limit also bounds the recursion.
            if self.depth >= 8 {
                return Err(self.error("end of string"));
            }
            self.take('{');
            self.depth += 1;
            field.sub = self.list()?;
            self.depth -= 1;
            if !self.take('}') {
                return Err(self.error("\"}\""));
            }
        }
        Ok(field)
    }
}

/// Builds the answer for a node. `read` returns the value of a field, `None` for a known field without a value, or the
/// error for an unknown one.
pub(crate) fn project(
    requested: &[Field],
    id: &str,
    mut read: impl FnMut(&Field) -> Result<Option<Value>, GraphError>,
) -> Result<Map<String, Value>, GraphError> {
    let mut out = Map::new();
    for field in requested.iter().filter(|f| f.name != "id") {
        if let Some(value) = read(field)? {
            out.insert(field.name.clone(), keep_subfields(value, &field.sub));
        }
    }
    out.insert("id".to_owned(), Value::String(id.to_owned()));
    Ok(out)
}

/// Keeps the requested members of a plain object. An edge (an object with `data`) is already reduced.
fn keep_subfields(value: Value, sub: &[Field]) -> Value {
    if sub.is_empty() || value.get("data").is_some() {
        return value;
    }
    if let Value::Object(map) = value {
        let kept = map.into_iter().filter(|(k, _)| sub.iter().any(|f| f.name == *k));
        return Value::Object(kept.collect());
    }
    value
}

/// Checks a field against a node's table of `(name, first version, last version)`.
pub(crate) fn check(field: &str, version: u16, table: &[(&str, u16, u16)], node: &str) -> Result<(), GraphError> {
    let known = table.iter().any(|(name, from, to)| *name == field && (*from..=*to).contains(&version));
    if known { Ok(()) } else { Err(nonexisting_field(field, node)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_fields_with_arguments_are_read() {
        let fields = parse("id, name,phone_numbers.limit(100).after(abc){id,throughput{level}}").expect("valid");
        assert_eq!(fields.len(), 3);
        assert_eq!(fields[2].arg("limit").as_deref(), Some("100"));
        assert_eq!(fields[2].arg("after").as_deref(), Some("abc"));
        assert_eq!(fields[2].sub[1].sub, [Field::plain("level")]);
    }

    #[test]
    fn broken_lists_are_refused() {
        for text in ["id,{", "a{b", "a.limit", "a.limit(3", "a}b", &"a{".repeat(40)] {
            assert_eq!(parse(text).expect_err(text).code(), 2500, "{text}");
        }
    }

    #[test]
    fn an_object_keeps_only_the_requested_members() {
        let requested = parse("throughput{level}").expect("valid");
        let node = project(&requested, "7", |_| Ok(Some(json!({"level": "HIGH", "x": 1})))).expect("known");
        assert_eq!(Value::Object(node), json!({"throughput": {"level": "HIGH"}, "id": "7"}));
    }
}
