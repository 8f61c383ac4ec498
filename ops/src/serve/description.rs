//! The OpenAPI description of what a process serves.
//!
//! A handler says what is its own: what it answers, and the problems that only it knows. What
//! follows from a call's shape, such as that a body may be too large or a token unknown, is
//! completed here, once for all ([`parameters`], [`error_responses`]).

mod error_responses;
mod parameters;

use std::collections::BTreeSet;

use kit::problem::ProblemBody;
use serde_json::{Value, json};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fairgate",
        description = "A fair virtual waiting room that hands out signed admission passes, and \
            the ticketing core behind it. Errors are RFC 9457 problem documents; `type` is \
            `urn:fairgate:problem:<id>`."
    ),
    tags(
        (name = "waitroom", description = "Joining a line, waiting in it, coming in"),
        (name = "admission", description = "What passes are signed with"),
        (name = "catalog", description = "Shows, and what is left of them"),
        (name = "checkout", description = "Sessions, holds and orders"),
        (name = "payments", description = "What payment providers call"),
        (name = "reseller", description = "Resellers' own systems, with an API key"),
        (name = "admin", description = "The console of operators and admins"),
        (name = "sandbox", description = "A payment provider that takes no money"),
    ),
    components(schemas(ProblemBody)),
)]
pub struct Description;

/// The tokens that calls may carry: all of them `Authorization: Bearer …`.
const TOKENS: [(&str, &str); 5] = [
    ("place_ticket", "The `ticket` of `POST /v1/rooms/{room}/places`"),
    ("session", "The `session_token` of `POST /v1/checkout/sessions`"),
    ("api_key", "A reseller's API key, `fgk_…`, made in the portal"),
    ("admin_session", "The `token` of `POST /v1/admin/sessions`"),
    ("sandbox_key", "The sandbox's own key, `FAIRGATE_SANDBOX_API_KEY`"),
];

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Completes `api` with what follows from each call's shape. The calls of the paths `limited` may
/// be made only so fast.
pub fn complete(api: &mut Value, limited: &BTreeSet<String>) {
    for (name, description) in TOKENS {
        api["components"]["securitySchemes"][name] =
            json!({ "type": "http", "scheme": "bearer", "description": description });
    }
    let Some(paths) = api["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        for method in METHODS {
            let Some(call) = item.get_mut(method) else { continue };
            call["operationId"] = id(method, path).into();
            parameters::complete(call);
            error_responses::complete(call, method, path, limited.contains(path));
        }
    }
}

/// What a client that is generated calls it: `GET /v1/rooms/{room}/head` is `get_rooms_room_head`.
fn id(method: &str, path: &str) -> String {
    let words = path.split(['/', '-', '.']).map(|word| word.trim_matches(['{', '}']));
    let words = words.filter(|word| !word.is_empty() && *word != "v1");
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}
