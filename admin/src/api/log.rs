//! The audit log, for programs.

use axum::{Json, extract::State};
use kit::{extract::Query, problem::ProblemBody};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    audit::{Entry, Filter},
    error::Error,
    session::{Admins, Caller},
    store,
};

pub const PAGE: i64 = 50;

#[derive(Deserialize, IntoParams)]
pub struct Wanted {
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
#[utoipa::path(get, path = "/v1/admin/audit", tag = "admin", security(("admin_session" = [])), params(Wanted),
    responses((status = 200, body = EntryList), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody, description = "`role-missing`")))]
pub async fn list(
    State(app): State<App>,
    _: Caller<Admins>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<EntryList>, Error> {
    let Wanted { who, target, before } = wanted;
    let filter = Filter { who: who.as_deref(), target: target.as_deref(), before, limit: PAGE };
    let entries = store::audit::list(&app.pool, &filter).await?;
    let next = (entries.len() as i64 == PAGE).then(|| entries.last().map(|entry| entry.id)).flatten();
    Ok(Json(EntryList { entries, next }))
}
