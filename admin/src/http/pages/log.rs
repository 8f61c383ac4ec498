//! The audit log as a page, and what strangers failed at as another.

use std::collections::HashMap;

use askama::Template;
use axum::{extract::State, response::Response};
use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use kit::{extract::Query, paging::Page};
use serde::Deserialize;
use serde_json::Value;

use super::view::{Frame, Titles};
use crate::{
    App,
    audit::{Entry, Filter},
    error::Error,
    http::session::{Admins, Session},
    security::SecurityEntry,
    store,
};

struct Row {
    entry: Entry,
    /// What the show is called that was done something to, or whose room was; empty where it was
    /// something else.
    title: String,
    changes: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct LogPage {
    frame: Frame,
    who: String,
    target: String,
    entries: Vec<Row>,
    next: Option<i64>,
}

#[derive(Deserialize)]
pub struct ListParams {
    #[serde(default)]
    who: String,
    #[serde(default)]
    target: String,
    before: Option<i64>,
}

/// `GET /admin/audit`
pub async fn list(
    State(app): State<App>,
    session: Session<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Response, Error> {
    let some = |text: &'_ str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (who, target) = (some(&params.who), some(&params.target));
    let filter = Filter { who: who.as_deref(), target: target.as_deref(), before: params.before };
    let Page { items: entries, next } = store::audit::list(&app.pool, &filter).await?;
    let titles = titles(&app, &entries).await?;
    let row = |entry: Entry| Row {
        changes: changes(entry.before.as_ref(), entry.after.as_ref()),
        title: titles.get(&entry.target).cloned().unwrap_or_default(),
        entry,
    };
    let entries = entries.into_iter().map(row).collect();
    let frame = Frame::new(&app, &session, "/admin/audit");
    Ok(kit::page::html(&LogPage { frame, who: params.who, target: params.target, entries, next }))
}

/// What the shows among the targets are called, by target.
async fn titles(app: &App, entries: &[Entry]) -> Result<HashMap<String, String>, Error> {
    let rooms = waitroom::contract::rooms(&app.pool).await?;
    let show_of = |target: &str| match target.split_once(' ')? {
        ("show", show) => show.parse().ok(),
        ("room", name) => Some(rooms.iter().find(|room| *room.room == *name)?.show.clone()),
        _ => None,
    };
    let shows: HashMap<String, ShowId> = entries
        .iter()
        .filter_map(|entry| Some((entry.target.clone(), show_of(&entry.target)?)))
        .collect();
    let titles = Titles::of(&app.pool, shows.values()).await?;
    let titled = |(target, show): (String, ShowId)| (target, titles.title(&show).to_owned());
    Ok(shows.into_iter().map(titled).collect())
}

#[derive(Template)]
#[template(path = "admin/security.html")]
struct SecurityPage {
    frame: Frame,
    entries: Vec<SecurityEntry>,
    next: Option<DateTime<Utc>>,
}

impl SecurityPage {
    fn words(kind: &str) -> &str {
        match kind {
            "sign_in.refused" => "Address and password did not fit",
            "sign_in.blocked" => "Not looked at after many failures",
            "password.refused" => "Wrong password in an open session",
            other => other,
        }
    }
}

#[derive(Deserialize)]
pub struct Since {
    before: Option<DateTime<Utc>>,
}

/// `GET /admin/security`
pub async fn security(
    State(app): State<App>,
    session: Session<Admins>,
    Query(since): Query<Since>,
) -> Result<Response, Error> {
    let Page { items: entries, next } = store::security::list(&app.pool, since.before).await?;
    Ok(kit::page::html(&SecurityPage {
        frame: Frame::new(&app, &session, "/admin/audit"),
        entries,
        next,
    }))
}

/// One line for each field that differs: `rate_per_sec: 25 → 50`.
fn changes(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    flatten("", before.unwrap_or(&Value::Null), &mut old);
    flatten("", after.unwrap_or(&Value::Null), &mut new);
    let find = |list: &[(String, String)], name: &str| {
        list.iter().find(|(key, _)| key == name).map(|(_, text)| text.clone())
    };
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| match (find(&old, name), find(&new, name)) {
            (old, new) if old == new => None,
            (Some(old), Some(new)) => Some(format!("{name}: {old} → {new}")),
            (Some(old), None) => Some(format!("{name}: {old} → nothing")),
            (None, new) => Some(format!("{name}: {}", new.unwrap_or_default())),
        })
        .collect()
}

fn flatten(path: &str, value: &Value, list: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, list);
            }
        }
        Value::String(text) => list.push((path.to_owned(), format!("“{text}”"))),
        other => list.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({"room": {"rate": 25, "lanes": 2}, "reason": null});
        let after = json!({"room": {"rate": 50, "lanes": 2}, "reason": "late"});
        assert_eq!(changes(Some(&before), Some(&after)), ["reason: “late”", "room.rate: 25 → 50"]);
        assert_eq!(changes(None, Some(&json!({"role": "admin"}))), ["role: “admin”"]);
        assert_eq!(changes(None, None), Vec::<String>::new());
    }
}
