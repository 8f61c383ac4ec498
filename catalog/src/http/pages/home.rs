//! The list of shows.

use askama::Template;
use axum::{extract::State, response::Response};
use chrono::Utc;
use kit::extract::Query;

use crate::{
    app::App,
    error::Error,
    sale::SaleState,
    show::{
        ListedShow, Show,
        listing::{self, PageQuery},
    },
    when,
};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    shows: Vec<Card>,
    /// Whether this is the first page of the list.
    first: bool,
    next: Option<String>,
    /// Where the people in the picture stand, in per cent of its width.
    people: [u8; 15],
}

/// Closer together further back.
const PEOPLE: [u8; 15] = [14, 24, 33, 42, 50, 57, 64, 70, 75, 80, 85, 89, 92, 95, 98];

/// A show in the list, in words.
struct Card {
    show: Show,
    date: when::DateBlock,
    time: String,
    machine_time: String,
    from_price: Option<String>,
    /// When sales begin, where they have not.
    opens: Option<when::Moment>,
    /// How the sale stands, where that is worth a word.
    badge: Option<SaleState>,
}

impl Card {
    fn new(listed: ListedShow) -> Self {
        let ListedShow { show, from_price, sale } = listed;
        let zone = show.venue.time_zone.clone();
        // One whose line opens later than that is told no time.
        let opens = (sale == SaleState::NotYet && show.on_sale_at > Utc::now())
            .then(|| when::Moment::short(show.on_sale_at, &zone));
        Self {
            date: when::date_block(show.starts_at, &zone),
            time: when::time(show.starts_at, &zone),
            machine_time: when::machine(show.starts_at, &zone),
            from_price: from_price.map(|price| price.to_string()),
            badge: (sale != SaleState::OnSale && opens.is_none()).then_some(sale),
            opens,
            show,
        }
    }
}

/// `GET /`
pub async fn home(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Error> {
    let page = listing::page(&app.pool, &query).await?;
    let cards = page.shows.into_iter().map(Card::new).collect();
    Ok(kit::page::html(&HomePage {
        shows: cards,
        first: query.after.is_none(),
        next: page.next,
        people: PEOPLE,
    }))
}
