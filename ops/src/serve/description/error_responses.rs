//! How a call can fail, as its shape tells: what it takes, who may make it and how often.

use serde_json::{Value, json};

/// The problems that a token's absence, falseness or weakness leads to: 401 and 403.
fn of_token(token: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match token {
        "place_ticket" => (
            &[
                "place-ticket-needed",
                "place-ticket-malformed",
                "place-ticket-key-unknown",
                "place-ticket-forged",
            ],
            &["place-ticket-foreign"],
        ),
        "session" => (
            &[
                "session-needed",
                "session-malformed",
                "session-key-unknown",
                "session-forged",
                "session-expired",
                "session-ended",
            ],
            &[],
        ),
        "api_key" => (&["api-key-missing", "api-key-unknown"], &["scope-missing"]),
        "admin_session" => (&["admin-session-needed"], &["role-missing", "password-change-needed"]),
        "sandbox_key" => (&["sandbox-key-invalid"], &[]),
        _ => (&[], &[]),
    }
}

/// A status, in words, and the problems that it comes with.
struct ErrorResponse {
    status: u16,
    problems: Vec<&'static str>,
}

fn words(status: u16) -> &'static str {
    match status {
        200 => "What was asked for",
        201 => "Made",
        202 => "Taken; it is not done yet",
        204 => "Done; there is nothing more to say",
        304 => "Unchanged since the ETag in `If-None-Match`",
        400 => "The request is malformed",
        401 => "Whoever calls is not known",
        403 => "Whoever calls may not do this",
        404 => "There is no such thing",
        409 => "It cannot be done as things stand",
        410 => "It was there and is gone for good",
        413 => "The body is too large",
        415 => "The body is of another type",
        422 => "A field does not fit",
        429 => "That was too fast",
        500 => "Something went wrong on our side",
        503 => "A part of the system is away for a moment; nothing was done",
        _ => "As the status says",
    }
}

/// What any call of this shape can fail with.
fn follows(call: &Value, method: &str, path: &str, is_limited: bool) -> Vec<ErrorResponse> {
    let mut all: Vec<ErrorResponse> = Vec::new();
    let mut add = |status: u16, problems: &[&'static str]| {
        let at = all.iter().position(|error| error.status == status).unwrap_or_else(|| {
            all.push(ErrorResponse { status, problems: Vec::new() });
            all.len() - 1
        });
        for problem in problems {
            if !all[at].problems.contains(problem) {
                all[at].problems.push(problem);
            }
        }
    };
    let parameters: Vec<&Value> = call["parameters"].as_array().into_iter().flatten().collect();
    if parameters.iter().any(|parameter| parameter["in"] == "query") {
        add(400, &["invalid-query"]);
        // A NUL is refused by the name of its parameter.
        add(422, &["invalid-field"]);
    }
    let needs_key = |parameter: &&Value| {
        let name = parameter["name"].as_str().unwrap_or_default();
        name.eq_ignore_ascii_case("idempotency-key") && parameter["required"] == true
    };
    if parameters.iter().any(needs_key) {
        add(400, &["idempotency-key-needed"]);
    }
    if call.get("requestBody").is_some() {
        add(400, &["malformed-json", "unreadable-body"]);
        add(413, &["body-too-large"]);
        add(415, &["unsupported-media-type"]);
        add(422, &["invalid-field"]);
    }
    let tokens = call["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
    let is_optional = tokens.clone().any(serde_json::Map::is_empty);
    for token in tokens.flat_map(serde_json::Map::keys) {
        let (unknown, forbidden) = of_token(token);
        // The first of them is that there is none.
        add(401, &unknown[usize::from(is_optional && unknown.len() > 1)..]);
        if !forbidden.is_empty() {
            add(403, forbidden);
        }
    }
    if method != "get" {
        // A browser that says it comes from elsewhere.
        add(403, &["cross-site"]);
    }
    if path.contains('{') {
        add(404, &["not-found"]);
    }
    if is_limited {
        add(429, &["too-many-requests"]);
    }
    add(500, &["internal"]);
    add(503, &["try-again-soon"]);
    all
}

/// Completes the responses of `call`: with those that follow from its shape, with words where it
/// has none, and with what an error is made of.
pub fn complete(call: &mut Value, method: &str, path: &str, is_limited: bool) {
    let follows = follows(call, method, path, is_limited);
    let Some(responses) = call["responses"].as_object_mut() else { return };
    for ErrorResponse { status, problems } in follows {
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({}));
        let said = response["description"].as_str().unwrap_or_default().to_owned();
        let more = problems.iter().filter(|problem| !said.contains(**problem));
        let more: Vec<String> = more.map(|problem| format!("`{problem}`")).collect();
        let said = match (said.as_str(), more.join(", ")) {
            ("", more) => format!("{}: {more}", words(status)),
            (said, more) if more.is_empty() => said.to_owned(),
            (said, more) => format!("{said}; {more}"),
        };
        response["description"] = said.into();
    }
    for (status, response) in responses {
        let Ok(status) = status.parse::<u16>() else { continue };
        if response["description"].as_str().unwrap_or_default().is_empty() {
            response["description"] = words(status).into();
        }
        if status >= 400 {
            response["content"] = json!({ "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" },
            } });
        }
        let fields: &[&str] = match status {
            429 => &["Retry-After", "RateLimit", "RateLimit-Policy"],
            503 => &["Retry-After"],
            _ => &[],
        };
        for name in fields {
            response["headers"][name] = header(name);
        }
    }
}

fn header(name: &str) -> Value {
    match name {
        "RateLimit" => json!({
            "description": "What is left of the limit, and for how many seconds",
            "schema": { "type": "string" }, "example": "\"buy\";r=0;t=10",
        }),
        "RateLimit-Policy" => json!({
            "description": "The limit: so many calls within so many seconds",
            "schema": { "type": "string" }, "example": "\"buy\";q=100;w=10",
        }),
        _ => json!({
            "description": "Seconds to wait before another try",
            "schema": { "type": "integer", "minimum": 1 },
        }),
    }
}
