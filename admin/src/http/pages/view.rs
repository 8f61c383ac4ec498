//! What several pages show alike.

use std::{collections::HashMap, ops::Deref};

use chrono::{DateTime, Utc};
pub use identity::form::Faults;
use identity::page::Link;
use kit::{asset::Asset, extract::invalid_field};
use sqlx::PgPool;
use waitroom::contract::Phase;

pub use crate::room::preview::{moment, phase_name};
use crate::{
    error::Error,
    http::session::Session,
    room::preview::count,
    staff::{Role, StaffId},
};

/// Live figures.
pub static SCRIPT: Asset = Asset {
    name: "admin.js",
    mime: "text/javascript; charset=utf-8",
    body: include_str!("../../../assets/admin.js"),
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
    shared: identity::page::Frame,
}

impl Frame {
    pub fn new<L>(session: &Session<L>, here: &'static str) -> Self {
        let staff = &session.person;
        let is_admin = staff.role == Role::Admin;
        let links = if is_admin { ADMINS_LINKS } else { OPERATORS_LINKS };
        let shared = identity::page::Frame::new(session, staff.name.as_str(), here, links);
        Self { person: staff.id, is_admin, shared }
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
pub struct Titles(HashMap<String, String>);

impl Titles {
    pub async fn of<'a>(
        pool: &PgPool,
        shows: impl IntoIterator<Item = &'a String>,
    ) -> Result<Self, Error> {
        let ids: Vec<String> = shows.into_iter().cloned().collect();
        let known = catalog::contract::shows(pool, &ids).await?;
        Ok(Self(known.into_iter().map(|show| (show.show, show.title)).collect()))
    }

    pub fn title<'a>(&'a self, show: &'a str) -> &'a str {
        self.0.get(show).map_or(show, String::as_str)
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
        Phase::PreQueue => "badge-accent",
        Phase::Paused => "badge-warn",
        Phase::Closed => "badge-bad",
        Phase::Draft | Phase::Scheduled => "",
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
