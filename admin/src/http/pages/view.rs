//! What several pages show alike.

use std::{collections::HashMap, ops::Deref};

use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
pub use identity::form::Faults;
use identity::page::Link;
use kit::{asset::Asset, extract::invalid_field};
use sqlx::PgPool;
use waitroom::contract::Phase;

pub use crate::room::words::{moment, phase_name};
use crate::{
    App,
    error::Error,
    http::session::Session,
    room::{
        alarm::{RoomAlarm, Severity},
        outlook::Span,
        show_name::ShowName,
        words::{count, per_sec},
    },
    staff::{Role, StaffId},
};

/// Live figures.
pub static SCRIPT: Asset = Asset {
    name: "admin.js",
    mime: kit::asset::JAVASCRIPT,
    body: include_str!("../../../assets/admin.js"),
    imports: &[],
};

/// The navigation of admins.
const ADMINS_LINKS: &[Link] = &[
    ("/admin", "Rooms"),
    ("/admin/shows", "Shows"),
    ("/admin/support", "Support"),
    ("/admin/resellers", "Resellers"),
    ("/admin/people", "People"),
    ("/admin/audit", "Log"),
];
/// The navigation of operators: the first two.
const OPERATORS_LINKS: &[Link] = ADMINS_LINKS.split_at(2).0;

/// What stands around every page of somebody who signed in.
pub struct Frame {
    pub person: StaffId,
    pub is_admin: bool,
    /// Of all rooms, the weightiest first; `None` for somebody who may not see them.
    pub alarms: Option<Vec<RoomAlarm>>,
    shared: identity::page::Frame,
}

impl Frame {
    pub fn new<L>(app: &App, session: &Session<L>, here: &'static str) -> Self {
        let alarms = Some(app.live.alarms());
        Self { alarms, ..Self::without_alarms(session, here) }
    }

    pub fn without_alarms<L>(session: &Session<L>, here: &'static str) -> Self {
        let staff = &session.person;
        let is_admin = staff.role == Role::Admin;
        let links = if is_admin { ADMINS_LINKS } else { OPERATORS_LINKS };
        let shared = identity::page::Frame::new(session, staff.name.as_str(), here, links);
        Self { person: staff.id, is_admin, alarms: None, shared }
    }

    pub fn script(&self) -> String {
        SCRIPT.url()
    }
}

impl Deref for Frame {
    type Target = identity::page::Frame;

    fn deref(&self) -> &Self::Target {
        &self.shared
    }
}

/// The fault of a field, to show beside it; other errors go on as they are.
pub fn faults_of(error: Error) -> Result<Faults, Error> {
    match error {
        Error::Field { field, detail } => Ok(Faults::new(field, detail)),
        error => Err(error),
    }
}

/// What shows are called, by their ids. A show that is not published is called by its id.
pub struct Titles(HashMap<ShowId, ShowName>);

impl Titles {
    pub async fn of<'a>(
        pool: &PgPool,
        shows: impl IntoIterator<Item = &'a ShowId>,
    ) -> Result<Self, Error> {
        let ids: Vec<ShowId> = shows.into_iter().cloned().collect();
        let known = catalog::contract::shows(pool, &ids).await?;
        Ok(Self(known.into_iter().map(|show| (show.show.clone(), show.into())).collect()))
    }

    pub fn title<'a>(&'a self, show: &'a ShowId) -> &'a str {
        self.0.get(show).map_or(show, |name| &name.title)
    }

    /// `Mira Vale · Saturday 21 November 2026`; empty where that is not known.
    pub fn line(&self, show: &ShowId) -> String {
        self.0.get(show).map(ShowName::line).unwrap_or_default()
    }
}

/// For the `datetime` of a time that the reader's browser tells anew.
pub fn machine(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The badge of a phase; its text says the same.
pub fn tone(phase: &Phase) -> &'static str {
    match phase {
        Phase::Open => "badge-good",
        Phase::PreQueue | Phase::Drawing => "badge-accent",
        Phase::Paused => "badge-warn",
        Phase::Closed => "badge-bad",
        Phase::Draft | Phase::Scheduled => "",
    }
}

/// The notice of an alarm, and what it is called; its text says the same.
pub fn alarm_tone(severity: &Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Act => ("notice-bad", "Act now"),
        Severity::Watch => ("notice-warn", "Watch"),
        Severity::Know => ("", "Good to know"),
    }
}

/// `12,408`
pub fn number<T: Copy + Into<i64>>(number: &T) -> String {
    count((*number).into())
}

/// A number that may be unknown for a moment.
pub fn known(number: &Option<i64>) -> String {
    number.map_or_else(|| "–".to_owned(), count)
}

/// `92 %`
pub fn share(share: &Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

/// `1,200.5`, as the page's script has it.
pub fn rate(rate: &f64) -> String {
    per_sec(*rate)
}

/// A number a second, that may be unknown for a moment.
pub fn speed(known: &Option<f64>) -> String {
    known.map_or_else(|| "–".to_owned(), per_sec)
}

/// How long something takes, or that nobody knows.
pub fn span(span: &Option<Span>) -> String {
    span.as_ref().map_or_else(|| "–".to_owned(), |span| span.words.clone())
}

/// Whether the door to checkout is open.
pub fn door(is_open: &Option<bool>) -> &'static str {
    match is_open {
        Some(true) => "open",
        Some(false) => "shut",
        None => "–",
    }
}

/// A phase out of a form; `None` where it is empty.
pub fn phase(text: &str) -> Result<Option<Phase>, Error> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| invalid_field("phase", "not a phase").into()),
    }
}

/// Whether an option is the chosen one.
pub fn same(option: &str, chosen: &str) -> bool {
    option == chosen
}
