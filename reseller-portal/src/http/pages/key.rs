//! API keys: making one (shown once), the list, and revoking.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::when::Moment;
use chrono::{DateTime, Utc};
use identity::form::shown_again;
use kit::extract::Path;
use serde::Deserialize;

use super::frame::Frame;
use crate::{
    App,
    api_key::{self, KEYS_MAX, id::ApiKeyId, scope::Scope},
    error::{Error, Thing},
    http::session::{Approved, Posted, Session},
    store::key::{self, KeyRow},
};

struct Row {
    id: ApiKeyId,
    name: String,
    hint: String,
    scopes: String,
    created: Moment,
    used: Option<Moment>,
    revoked: Option<Moment>,
}

/// Keys belong to no venue; browsers tell their times in the reader's zone.
fn at(at: DateTime<Utc>) -> Moment {
    Moment::short(at, "UTC")
}

impl From<KeyRow> for Row {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.key_id,
            name: row.name,
            hint: row.hint,
            scopes: row.scopes.join(", "),
            created: at(row.created_at),
            used: row.last_used_at.map(at),
            revoked: row.revoked_at.map(at),
        }
    }
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct KeyForm {
    name: String,
    catalog_read: Option<String>,
    catalog_write: Option<String>,
    stock_write: Option<String>,
    orders_read: Option<String>,
    tickets_read: Option<String>,
    orders_write: Option<String>,
    reports_read: Option<String>,
}

fn field(scope: Scope) -> &'static str {
    match scope {
        Scope::CatalogRead => "catalog_read",
        Scope::CatalogWrite => "catalog_write",
        Scope::StockWrite => "stock_write",
        Scope::OrdersRead => "orders_read",
        Scope::TicketsRead => "tickets_read",
        Scope::OrdersWrite => "orders_write",
        Scope::ReportsRead => "reports_read",
    }
}

impl KeyForm {
    fn scopes(&self) -> Vec<Scope> {
        let ticked = |scope: &Scope| match scope {
            Scope::CatalogRead => self.catalog_read.is_some(),
            Scope::CatalogWrite => self.catalog_write.is_some(),
            Scope::StockWrite => self.stock_write.is_some(),
            Scope::OrdersRead => self.orders_read.is_some(),
            Scope::TicketsRead => self.tickets_read.is_some(),
            Scope::OrdersWrite => self.orders_write.is_some(),
            Scope::ReportsRead => self.reports_read.is_some(),
        };
        Scope::ALL.into_iter().filter(ticked).collect()
    }
}

/// A scope to tick: field, words, name, ticked.
type Tick = (&'static str, &'static str, &'static str, bool);

#[derive(Template)]
#[template(path = "portal/keys.html")]
struct KeysPage {
    frame: Frame,
    rows: Vec<Row>,
    /// The key that was just made. It is never shown again.
    made: Option<String>,
    name: String,
    ticks: Vec<Tick>,
    name_error: Option<String>,
    scope_error: Option<String>,
}

async fn page(
    app: &App,
    session: &Session<Approved>,
    form: &KeyForm,
    made: Option<String>,
) -> Result<KeysPage, Error> {
    let rows = key::list(&app.pool, session.person.reseller).await?;
    let ticked = form.scopes();
    let tick =
        |scope: Scope| (field(scope), scope.words(), scope.as_str(), ticked.contains(&scope));
    Ok(KeysPage {
        frame: Frame::new(session, "/portal/keys"),
        rows: rows.into_iter().map(Row::from).collect(),
        made,
        name: form.name.clone(),
        ticks: Scope::ALL.into_iter().map(tick).collect(),
        name_error: None,
        scope_error: None,
    })
}

/// `GET /portal/keys`
pub async fn list(State(app): State<App>, session: Session<Approved>) -> Result<Response, Error> {
    Ok(kit::page::html(&page(&app, &session, &KeyForm::default(), None).await?))
}

/// `POST /portal/keys`
pub async fn create(
    State(app): State<App>,
    Posted { session, form }: Posted<Approved, KeyForm>,
) -> Result<Response, Error> {
    let (name, scopes) = (form.name.trim(), form.scopes());
    let fits = (1..=80).contains(&name.chars().count()) && !name.contains('\0');
    let mut name_error =
        (!fits).then(|| "Enter a name of 1 to 80 characters, such as Web shop.".to_owned());
    let scope_error = scopes.is_empty().then(|| "Choose at least one thing it may do.".to_owned());
    if name_error.is_none() && scope_error.is_none() {
        let member = &session.person;
        if let Some(made) = api_key::make(&app, member.reseller, member.id, name, &scopes).await? {
            tracing::info!(key = %made.key_id, reseller = %member.reseller, "API key made");
            return Ok(kit::page::html(
                &page(&app, &session, &KeyForm::default(), Some(made.key)).await?,
            ));
        }
        name_error = Some(format!("{KEYS_MAX} keys are in use. Revoke one first."));
    }
    let page = KeysPage { name_error, scope_error, ..page(&app, &session, &form, None).await? };
    Ok(shown_again(kit::page::html(&page)))
}

#[derive(Template)]
#[template(path = "portal/revoke.html")]
struct RevokePage {
    frame: Frame,
    row: Row,
}

/// `GET /portal/keys/{key}/revoke`
pub async fn confirm(
    State(app): State<App>,
    session: Session<Approved>,
    Path(key): Path<ApiKeyId>,
) -> Result<Response, Error> {
    let rows = key::list(&app.pool, session.person.reseller).await?;
    let row = rows.into_iter().find(|row| row.key_id == key).ok_or(Error::Unknown(Thing::Key))?;
    Ok(kit::page::html(&RevokePage {
        frame: Frame::new(&session, "/portal/keys"),
        row: row.into(),
    }))
}

/// `POST /portal/keys/{key}/revoke`
pub async fn revoke(
    State(app): State<App>,
    Path(key): Path<ApiKeyId>,
    Posted { session, .. }: Posted<Approved>,
) -> Result<Response, Error> {
    if !key::revoke(&app.pool, session.person.reseller, key).await? {
        return Err(Error::Unknown(Thing::Key));
    }
    tracing::info!(%key, reseller = %session.person.reseller, "API key revoked");
    Ok(Redirect::to("/portal/keys").into_response())
}
