//! A reseller's venues.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::{self, ResellerVenue, Venue};
use kit::extract::Path;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    form::{Field, FormPage},
    frame::Frame,
};
use crate::{
    App,
    error::{Error, Thing},
    http::session::{Approved, Posted, Session},
};

#[derive(Template)]
#[template(path = "portal/venues.html")]
struct VenuesPage {
    frame: Frame,
    venues: Vec<ResellerVenue>,
}

/// `GET /portal/venues`
pub async fn list(State(app): State<App>, session: Session<Approved>) -> Result<Response, Error> {
    let venues = contract::venues(&app.pool, session.person.reseller).await?;
    Ok(kit::page::html(&VenuesPage { frame: Frame::new(&session, "/portal/venues"), venues }))
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct VenueForm {
    name: String,
    city: String,
    country: String,
    address: String,
    time_zone: String,
}

impl VenueForm {
    fn venue(&self) -> Venue {
        let trim = |text: &str| text.trim().to_owned();
        Venue {
            name: trim(&self.name),
            city: trim(&self.city),
            country: self.country.trim().to_uppercase(),
            address: trim(&self.address),
            time_zone: trim(&self.time_zone),
        }
    }

    fn page(&self, session: &Session<Approved>, title: &str, action: String) -> FormPage {
        let fields = vec![
            Field::new("name", "Name", &self.name),
            Field::new("city", "City", &self.city),
            Field::new("country", "Country", &self.country).hint("Two letters, such as DE or GB."),
            Field::new("address", "Address", &self.address)
                .hint("Street and number, as fans find it.")
                .optional(),
            Field::new("time_zone", "Time zone", &self.time_zone)
                .hint("Such as Europe/Berlin. All times of shows here are told in it."),
        ];
        FormPage::of(Frame::new(session, "/portal/venues"), title, action, fields)
            .back("/portal/venues", "Venues")
    }
}

/// `GET /portal/venues/new`
pub async fn new(session: Session<Approved>) -> Response {
    VenueForm::default().page(&session, "New venue", "/portal/venues/new".to_owned()).answer()
}

/// `POST /portal/venues/new`
pub async fn create(
    State(app): State<App>,
    Posted { session, form }: Posted<Approved, VenueForm>,
) -> Response {
    put(
        &app,
        &session,
        None,
        &form,
        form.page(&session, "New venue", "/portal/venues/new".to_owned()),
    )
    .await
}

/// `GET /portal/venues/{venue}`
pub async fn edit(
    State(app): State<App>,
    session: Session<Approved>,
    Path(venue): Path<Uuid>,
) -> Result<Response, Error> {
    let found = contract::venues(&app.pool, session.person.reseller).await?;
    let found =
        found.into_iter().find(|found| found.venue == venue).ok_or(Error::Unknown(Thing::Venue))?;
    let ResellerVenue { name, city, country, address, time_zone, .. } = found;
    let title = name.clone();
    let form = VenueForm { name, city, country, address, time_zone };
    Ok(form.page(&session, &title, format!("/portal/venues/{venue}")).answer())
}

/// `POST /portal/venues/{venue}`
pub async fn change(
    State(app): State<App>,
    Path(venue): Path<Uuid>,
    Posted { session, form }: Posted<Approved, VenueForm>,
) -> Response {
    let page = form.page(&session, "Change a venue", format!("/portal/venues/{venue}"));
    put(&app, &session, Some(venue), &form, page).await
}

async fn put(
    app: &App,
    session: &Session<Approved>,
    venue: Option<Uuid>,
    form: &VenueForm,
    page: FormPage,
) -> Response {
    match contract::put_venue(&app.pool, session.person.reseller, venue, &form.venue()).await {
        Ok(_) => Redirect::to("/portal/venues").into_response(),
        Err(fault) => page.refused_by(Error::of_catalog(fault, Thing::Venue)),
    }
}
