//! Making and changing a show.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::{self, ResellerVenue, ShowDraft, ShowId, when};
use kit::extract::Path;
use serde::Deserialize;

use super::{
    form::{Field, FormPage, Kind},
    frame::Frame,
};
use crate::{
    App,
    error::{Error, Thing},
    http::{
        address::show_id,
        session::{Approved, Posted, Session},
    },
};

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ShowForm {
    title: String,
    performer: String,
    genre: String,
    description: String,
    venue: String,
    doors_at: String,
    starts_at: String,
    on_sale_at: String,
}

#[derive(Template)]
#[template(path = "portal/venue-needed.html")]
struct VenueNeeded {
    frame: Frame,
}

impl ShowForm {
    fn page(
        &self,
        session: &Session<Approved>,
        venues: &[ResellerVenue],
        show: Option<&ShowId>,
    ) -> FormPage {
        let choices = venues
            .iter()
            .map(|venue| (venue.venue.to_string(), format!("{}, {}", venue.name, venue.city)))
            .collect();
        let time = |name, label, value: &str| Field::new(name, label, value).kind(Kind::LocalTime);
        let fields = vec![
            Field::new("performer", "Performer", &self.performer),
            Field::new("title", "Title", &self.title)
                .hint("Without the performer, such as Harbour Lights."),
            Field::new("genre", "Genre", &self.genre).optional(),
            Field::new("description", "Description", &self.description).kind(Kind::Area).optional(),
            Field::new("venue", "Venue", &self.venue).kind(Kind::Choice(choices)),
            time("doors_at", "Doors open", &self.doors_at)
                .hint("This and the other times: local time at the venue."),
            time("starts_at", "Starts", &self.starts_at),
            time("on_sale_at", "On sale from", &self.on_sale_at)
                .hint("From then on fans are let in to buy."),
        ];
        let frame = Frame::new(session, "/portal/shows");
        match show {
            Some(show) => {
                let address = format!("/portal/shows/{show}");
                FormPage::of(frame, "Change the show", format!("{address}/edit"), fields)
                    .back(address, "The show")
            }
            None => FormPage::of(frame, "New show", "/portal/shows/new", fields)
                .lead("It is a draft until you publish it: nobody but you sees it.")
                .button("Save the draft")
                .back("/portal/shows", "Shows"),
        }
    }

    /// The draft that was meant, or the fields that cannot be read.
    fn draft(&self, venues: &[ResellerVenue]) -> Result<ShowDraft, Vec<(&'static str, String)>> {
        let Some(venue) = venues.iter().find(|venue| venue.venue.to_string() == self.venue) else {
            return Err(vec![("venue", "Choose one of your venues.".to_owned())]);
        };
        let mut faults = Vec::new();
        let mut time = |field, text: &str| {
            when::from_local(text, &venue.time_zone).unwrap_or_else(|| {
                faults.push((
                    field,
                    "Enter a date and a time of day that exist at the venue.".to_owned(),
                ));
                chrono::DateTime::UNIX_EPOCH
            })
        };
        let draft = ShowDraft {
            title: self.title.trim().to_owned(),
            performer: self.performer.trim().to_owned(),
            genre: self.genre.trim().to_owned(),
            description: self.description.trim().to_owned(),
            venue: venue.venue,
            doors_at: time("doors_at", &self.doors_at),
            starts_at: time("starts_at", &self.starts_at),
            on_sale_at: time("on_sale_at", &self.on_sale_at),
        };
        if faults.is_empty() { Ok(draft) } else { Err(faults) }
    }
}

/// `GET /portal/shows/new`
pub async fn new(State(app): State<App>, session: Session<Approved>) -> Result<Response, Error> {
    let venues = contract::venues(&app.pool, session.person.reseller).await?;
    if venues.is_empty() {
        return Ok(kit::page::html(&VenueNeeded { frame: Frame::new(&session, "/portal/shows") }));
    }
    Ok(ShowForm::default().page(&session, &venues, None).answer())
}

/// `POST /portal/shows/new`
pub async fn create(
    State(app): State<App>,
    Posted { session, form }: Posted<Approved, ShowForm>,
) -> Result<Response, Error> {
    let venues = contract::venues(&app.pool, session.person.reseller).await?;
    let page = form.page(&session, &venues, None);
    let draft = match form.draft(&venues) {
        Ok(draft) => draft,
        Err(faults) => return Ok(page.refused(&faults)),
    };
    Ok(match contract::create_show(&app.pool, session.person.reseller, &draft).await {
        Ok(show) => Redirect::to(&format!("/portal/shows/{show}")).into_response(),
        Err(fault) => page.refused_by(Error::of_catalog(fault, Thing::Show)),
    })
}

/// `GET /portal/shows/{show}/edit`
pub async fn edit(
    State(app): State<App>,
    session: Session<Approved>,
    Path(show): Path<String>,
) -> Result<Response, Error> {
    let venues = contract::venues(&app.pool, session.person.reseller).await?;
    let show = show_id(&show, Thing::Show)?;
    let found = super::show::own(&app, &session, &show).await?;
    let (venue_id, of) = (found.venue_id, found.show);
    let local = |at| when::local(at, &of.venue.time_zone);
    let form = ShowForm {
        venue: venue_id.to_string(),
        doors_at: local(of.doors_at),
        starts_at: local(of.starts_at),
        on_sale_at: local(of.on_sale_at),
        title: of.title.clone(),
        performer: of.performer.clone(),
        genre: of.genre.clone(),
        description: of.description.clone(),
    };
    Ok(form.page(&session, &venues, Some(&show)).answer())
}

/// `POST /portal/shows/{show}/edit`
pub async fn change(
    State(app): State<App>,
    Path(show): Path<String>,
    Posted { session, form }: Posted<Approved, ShowForm>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    super::show::own(&app, &session, &show).await?;
    let venues = contract::venues(&app.pool, session.person.reseller).await?;
    let page = form.page(&session, &venues, Some(&show));
    let draft = match form.draft(&venues) {
        Ok(draft) => draft,
        Err(faults) => return Ok(page.refused(&faults)),
    };
    Ok(match contract::change_show(&app.pool, session.person.reseller, &show, &draft).await {
        Ok(()) => Redirect::to(&format!("/portal/shows/{show}")).into_response(),
        Err(fault) => page.refused_by(Error::of_catalog(fault, Thing::Show)),
    })
}
