//! The description that is generated from the code.

use serde_json::{Map, Value};

const CALLS: [(&str, &str); 14] = [
    ("post", "/v1/rooms/{room}/places"),
    ("get", "/v1/rooms/{room}/head"),
    ("get", "/v1/rooms/{room}/place"),
    ("post", "/v1/rooms/{room}/pass"),
    ("get", "/.well-known/paseto-keys"),
    ("post", "/v1/checkout/sessions"),
    ("post", "/v1/holds"),
    ("delete", "/v1/holds/{hold}"),
    ("post", "/v1/orders"),
    ("get", "/v1/orders/{order}"),
    ("post", "/v1/payments/webhooks/{provider}"),
    ("get", "/v1/shows"),
    ("get", "/v1/shows/{show}"),
    ("get", "/v1/shows/{show}/availability"),
];
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn paths(api: &Value) -> &Map<String, Value> {
    api["paths"].as_object().expect("paths")
}

/// Every operation with its method and path.
fn operations(api: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    paths(api).iter().flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            item.get(method).map(|operation| (method, path.as_str(), operation))
        })
    })
}

#[tokio::test]
async fn every_call_of_the_design_is_described() {
    let api = ops::serve::describe().await.expect("a description");
    assert!(
        api["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        api["openapi"]
    );
    for (method, path) in CALLS {
        assert!(
            paths(&api).get(path).is_some_and(|item| item.get(method).is_some()),
            "{method} {path} is missing"
        );
    }
}

#[tokio::test]
async fn every_operation_says_how_it_can_fail() {
    let api = ops::serve::describe().await.expect("a description");
    for (method, path, operation) in operations(&api) {
        let responses = operation["responses"].as_object().expect("responses");
        let says_how = responses.keys().any(|status| status.starts_with('4'));
        // A public document that takes nothing from its reader has nothing to refuse.
        let takes_nothing =
            method == "get" && !path.contains('{') && operation.get("security").is_none();
        assert!(says_how || takes_nothing, "{method} {path} documents no 4xx");
        assert!(
            operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{method} {path} has no summary"
        );
        assert!(
            operation["tags"].as_array().is_some_and(|tags| !tags.is_empty()),
            "{method} {path} has no tag"
        );
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let api = ops::serve::describe().await.expect("a description");
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    found.push(reference);
                }
                map.values().for_each(|value| walk(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut references = Vec::new();
    walk(&api, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (method, path, operation) in operations(&api) {
        for scheme in operation["security"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flat_map(Map::keys)
        {
            assert!(
                api["components"]["securitySchemes"].get(scheme).is_some(),
                "{method} {path}: no scheme {scheme}"
            );
        }
    }
}
