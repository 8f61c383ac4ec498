//! The description that is generated from the code.

use serde_json::{Map, Value};

const CALLS: [(&str, &str); 23] = [
    ("post", "/v1/rooms/{room}/places"),
    ("get", "/v1/rooms/{room}/head"),
    ("get", "/v1/rooms/{room}/transcript"),
    ("get", "/v1/rooms/{room}/roots"),
    ("get", "/v1/rooms/{room}/places/{lane}/{offset}/proof"),
    ("get", "/v1/rooms/{room}/place"),
    ("delete", "/v1/rooms/{room}/place"),
    ("post", "/v1/rooms/{room}/place/link"),
    ("post", "/v1/rooms/{room}/place/from-link"),
    ("put", "/v1/rooms/{room}/place/mail"),
    ("delete", "/v1/rooms/{room}/place/mail"),
    ("post", "/v1/rooms/{room}/place/resume"),
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

/// The statuses that a call of this shape can answer, whatever it does.
fn demanded_by_shape(method: &str, path: &str, operation: &Value) -> Vec<u16> {
    let mut statuses = vec![500, 503];
    if path.contains('{') {
        statuses.push(404);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([400, 413, 415, 422]);
    }
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    if parameters.any(|parameter| parameter["in"] == "query") {
        statuses.extend([400, 422]);
    }
    if operation["security"].as_array().is_some_and(|tokens| !tokens.is_empty()) {
        statuses.push(401);
    }
    if method != "get" {
        statuses.push(403);
    }
    // Everything but what providers and verifiers ask for, each of which is known or cheap.
    let is_unlimited = ["/v1/payments/", "/sandbox/v1/", "/.well-known/"];
    let is_limited = !is_unlimited.iter().any(|start| path.starts_with(start));
    if is_limited || path.ends_with("/confirm") {
        statuses.push(429);
    }
    statuses
}

#[tokio::test]
async fn every_status_that_a_shape_leads_to_is_described() {
    let api = ops::serve::describe().await.expect("a description");
    for (method, path, operation) in operations(&api) {
        for status in demanded_by_shape(method, path, operation) {
            let response = &operation["responses"][status.to_string()];
            assert!(response.is_object(), "{method} {path} documents no {status}");
        }
    }
}

#[tokio::test]
async fn every_response_has_words_and_every_refusal_is_a_problem_document() {
    let api = ops::serve::describe().await.expect("a description");
    let of_problem = "#/components/schemas/Problem";
    for (method, path, operation) in operations(&api) {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let call = format!("{method} {path} {status}");
            let words = response["description"].as_str().unwrap_or_default();
            assert!(!words.is_empty(), "{call} has no description");
            if status.as_str() < "400" {
                continue;
            }
            let content = response["content"].as_object().expect("content");
            assert!(content.keys().eq(["application/problem+json"]), "{call}: {content:?}");
            let schema = &content["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, of_problem, "{call}");
            let waits = match status.as_str() {
                "429" => &["Retry-After", "RateLimit", "RateLimit-Policy"][..],
                "503" => &["Retry-After"],
                _ => &[],
            };
            for header in waits {
                assert!(response["headers"].get(header).is_some(), "{call} has no {header}");
            }
        }
    }
}

#[tokio::test]
async fn every_text_that_is_sent_says_how_long_it_may_be() {
    let api = ops::serve::describe().await.expect("a description");
    let mut loose = Vec::new();
    for (method, path, operation) in operations(&api) {
        // What a payment provider takes and sends is its own business.
        if path.starts_with("/sandbox/") || path.starts_with("/v1/payments/") {
            continue;
        }
        let content = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = content["$ref"].as_str().and_then(|name| api.pointer(&name[1..]));
        let body = body.unwrap_or(content);
        for (field, schema) in body["properties"].as_object().into_iter().flatten() {
            let is_text = schema["type"] == "string"
                || schema["type"].as_array().is_some_and(|types| types.contains(&"string".into()));
            let is_bounded = ["maxLength", "format", "pattern", "enum"]
                .iter()
                .any(|key| schema.get(key).is_some());
            if is_text && !is_bounded {
                loose.push(format!("{method} {path}: {field}"));
            }
        }
    }
    assert!(loose.is_empty(), "no length, pattern or format: {loose:#?}");
}

/// Who calls us would notice each of these lines.
#[tokio::test]
async fn the_calls_and_their_answers_are_as_agreed() {
    let api = ops::serve::describe().await.expect("a description");
    let mut calls: Vec<String> = operations(&api)
        .map(|(method, path, operation)| {
            let responses = operation["responses"].as_object().expect("responses");
            let statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
            format!("{path} {} → {}", method.to_uppercase(), statuses.join(" "))
        })
        .collect();
    calls.sort();
    insta::assert_snapshot!(calls.join("\n"));
}
