//! What resellers' own systems read with an API key: `/v1/reseller/…`. Selling is checkout's own
//! `/v1/holds` and `/v1/orders`, which take the key as well.

pub mod allotments;
pub mod orders;
pub mod sales;
pub mod shows;

use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Description,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

struct Keys;

impl Modify for Keys {
    fn modify(&self, api: &mut Description) {
        let components = api.components.get_or_insert_default();
        components.add_security_scheme(
            "api_key",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
    }
}

#[derive(OpenApi)]
#[openapi(modifiers(&Keys))]
struct Api;

/// The calls, state applied; keys are not recognised here yet.
pub fn router(app: App) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(shows::list))
        .routes(routes!(shows::one))
        .routes(routes!(shows::withdraw))
        .routes(routes!(allotments::one, allotments::put))
        .routes(routes!(orders::list))
        .routes(routes!(orders::one))
        .routes(routes!(sales::report))
        .routes(routes!(sales::report_csv))
        .with_state(app)
}
