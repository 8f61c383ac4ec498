//! The OpenAPI description of what a process serves.

use utoipa::{
    OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(info(
    title = "Fairgate",
    description = "A fair virtual waiting room that hands out signed admission passes, and the \
        ticketing core behind it. \
        Errors are RFC 9457 problem documents; `type` is `urn:fairgate:problem:<id>`."
))]
pub struct Description;

/// The tokens that calls may carry.
pub fn describe_security(api: &mut utoipa::openapi::OpenApi) {
    let components = api.components.get_or_insert_default();
    for name in ["place_ticket", "session", "api_key", "admin_session", "sandbox_key"] {
        components
            .add_security_scheme(name, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}
