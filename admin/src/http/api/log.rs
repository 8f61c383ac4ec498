//! The audit log, for programs.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use kit::{extract::Query, paging::Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    audit::{Entry, Filter},
    error::Error,
    http::session::{Admins, Caller},
    security::SecurityEntry,
    store,
};

#[derive(Deserialize, IntoParams)]
pub struct ListParams {
    /// Part of the address of who did it.
    who: Option<String>,
    /// Part of what it was done to.
    target: Option<String>,
    /// Only entries older than the one with this id.
    before: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct EntryList {
    entries: Vec<Entry>,
    /// Give it as `before` for the next page; absent on the last one.
    next: Option<i64>,
}

/// Who did what, with what was so before and after
///
/// Newest first.
#[utoipa::path(
    get, path = "/v1/admin/audit", tag = "admin", security(("admin_session" = [])),
    params(ListParams),
    responses((status = 200, body = EntryList)),
)]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Json<EntryList>, Error> {
    let ListParams { who, target, before } = params;
    let filter = Filter { who: who.as_deref(), target: target.as_deref(), before };
    let Page { items: entries, next } = store::audit::list(&app.pool, &filter).await?;
    Ok(Json(EntryList { entries, next }))
}

#[derive(Deserialize, IntoParams)]
pub struct Since {
    /// Only what happened for the last time before then.
    before: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
pub struct SecurityList {
    entries: Vec<SecurityEntry>,
    /// Give it as `before` for the next page; absent on the last one.
    next: Option<DateTime<Utc>>,
}

/// What strangers failed at, counted by hour, network and account
///
/// What happened last first. It is kept for 90 days; networks beyond the first 500 counts of an
/// hour are counted together.
#[utoipa::path(
    get, path = "/v1/admin/security-log", tag = "admin", security(("admin_session" = [])),
    params(Since),
    responses((status = 200, body = SecurityList)),
)]
pub async fn security(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(since): Query<Since>,
) -> Result<Json<SecurityList>, Error> {
    let Page { items: entries, next } = store::security::list(&app.pool, since.before).await?;
    Ok(Json(SecurityList { entries, next }))
}
