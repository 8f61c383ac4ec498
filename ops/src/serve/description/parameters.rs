//! What the parameters that many calls share look like.

use kit::id::SLUG_LEN_MAX;
use serde_json::{Value, json};

/// Completes the parameters of `call` by their names.
pub fn complete(call: &mut Value) {
    let parameters = call.get_mut("parameters").and_then(Value::as_array_mut);
    let Some(parameters) = parameters else { return };
    for parameter in parameters {
        if parameter["in"] == "query"
            && let Some(schema) = parameter.get_mut("schema")
        {
            without_null(schema);
        }
        let name = parameter["name"].as_str().unwrap_or_default().to_ascii_lowercase();
        let (schema, description) = match (parameter["in"].as_str(), name.as_str()) {
            (Some("path"), "show") => (slug("moonrise-berlin"), "The show's public id, a slug"),
            (Some("path"), "room") => (slug("moonrise-berlin"), "The room's name, a slug"),
            (Some("header"), "idempotency-key") => (
                json!({
                    "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$",
                    "example": "9b2f6c1e-order-1",
                }),
                "A fresh one for each thing that is wanted, the same one for a repeat",
            ),
            (Some("path"), _) if parameter["schema"]["format"] == "uuid" => {
                (parameter["schema"].clone(), "An id that an earlier answer told")
            }
            _ => continue,
        };
        parameter["schema"] = schema;
        if parameter["description"].as_str().unwrap_or_default().is_empty() {
            parameter["description"] = description.into();
        }
    }
}

fn slug(example: &str) -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": SLUG_LEN_MAX,
        "pattern": "^[a-z0-9][a-z0-9-]*$", "example": example,
    })
}

/// A query has no null: what is not wanted is left out.
fn without_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array() {
        let kept: Vec<Value> = types.iter().filter(|name| *name != "null").cloned().collect();
        if let [only] = kept.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(either) = schema["oneOf"].as_array() {
        let kept: Vec<Value> = either.iter().filter(|one| one["type"] != "null").cloned().collect();
        if let [only] = kept.as_slice() {
            *schema = only.clone();
        }
    }
}
