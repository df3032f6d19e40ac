//! JSON of any depth, for those who look at its outer parts.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// Objects in each other that are taken apart when the whole is nested too deep to be read.
const OBJECTS: usize = 3;

/// Reads JSON. It may be nested as deep as it likes, as what clients put into it may: a part of it that is deeper than
/// 127 levels is a text, which is the JSON of that part.
///
/// # Errors
/// When it is not JSON.
pub fn value_of(json: &str) -> Result<Value, serde_json::Error> {
    taken_apart(json, OBJECTS)
}

fn taken_apart(json: &str, objects: usize) -> Result<Value, serde_json::Error> {
    let error = match serde_json::from_str(json) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if 0 < objects && json.trim_start().starts_with('{') {
        let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(json)?;
        let read = |(name, part): (String, &RawValue)| {
            taken_apart(part.get(), objects - 1).map(|value| (name, value))
        };
        return members.into_iter().map(read).collect();
    }
    // Whether it is JSON is seen without a limit.
    match serde_json::from_str::<&RawValue>(json) {
        Ok(text) => Ok(Value::from(text.get())),
        Err(_same) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_nested_too_deep_is_a_text() {
        let deep = format!("{}{}", "[".repeat(3_000), "]".repeat(3_000));
        let read =
            value_of(&format!("{{\"job\":7,\"more\":{{\"args\":{deep},\"n\":1.5}}}}")).unwrap();
        assert_eq!(read, json!({"job": 7, "more": {"args": deep, "n": 1.5}}));
        assert_eq!(value_of(&deep).unwrap(), Value::from(deep.as_str()));
        let objects = format!("{}1{}", "{\"a\":".repeat(300), "}".repeat(300));
        assert!(value_of(&objects).unwrap()["a"]["a"]["a"].is_string());
        assert_eq!(value_of(" [1, {}] ").unwrap(), json!([1, {}]));
        for wrong in ["", "{", "{\"a\":}", "[[", &format!("{deep}]")] {
            assert!(value_of(wrong).is_err(), "{wrong}");
        }
    }
}
