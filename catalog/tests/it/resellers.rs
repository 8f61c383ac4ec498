//! What resellers put into the catalog, and that nobody else can touch it.

use axum::http::StatusCode;
use catalog::contract::{
    self, CatalogError, Money, NewTicketType, ResellerShow, ShowCursor, ShowDraft, ShowId,
    TicketTypeId, Venue,
};
use chrono::{Duration, Utc};
use kit::http::RequestId;
use sqlx::PgPool;
use testkit::{TestEnv, id};
use uuid::Uuid;

use crate::{a_show, app, get, json, text};

pub const ANNA: Uuid = Uuid::from_u128(0xA);
pub const BERT: Uuid = Uuid::from_u128(0xB);

pub fn a_venue() -> Venue {
    Venue {
        name: "Hafenhalle".to_owned(),
        city: "Hamburg".to_owned(),
        country: "DE".to_owned(),
        address: "Kai 1".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
    }
}

pub fn a_draft(venue: Uuid) -> ShowDraft {
    let starts_at = Utc::now() + Duration::days(60);
    ShowDraft {
        title: "Harbour Lights".to_owned(),
        performer: "Mira Vale".to_owned(),
        genre: "Pop".to_owned(),
        description: "One night by the water.".to_owned(),
        venue,
        doors_at: starts_at - Duration::hours(1),
        starts_at,
        on_sale_at: Utc::now() + Duration::days(1),
    }
}

fn euros(minor: i64) -> Money {
    Money::new(minor, id("EUR"))
}

pub fn standing() -> NewTicketType {
    NewTicketType {
        name: "Standing".to_owned(),
        description: String::new(),
        price: euros(6_900),
        per_order_max: 4,
    }
}

/// A draft of this reseller's with one ticket type: venue, show and ticket type.
pub async fn draft_of(pool: &PgPool, reseller: Uuid) -> (Uuid, ShowId, TicketTypeId) {
    let venue = contract::put_venue(pool, reseller.into(), None, &a_venue()).await.unwrap();
    let show = contract::create_show(pool, reseller.into(), &a_draft(venue)).await.unwrap();
    let ticket_type =
        contract::put_ticket_type(pool, reseller.into(), &show, None, &standing()).await.unwrap();
    (venue, show, ticket_type)
}

pub async fn publish(pool: &PgPool, reseller: Uuid, show: &ShowId) -> Result<(), CatalogError> {
    contract::publish_show(pool, reseller.into(), show, &RequestId::fresh()).await
}

async fn allot(
    pool: &PgPool,
    reseller: Uuid,
    show: &ShowId,
    of: TicketTypeId,
    count: i32,
) -> Result<i32, CatalogError> {
    let changed =
        contract::change_allotment(pool, reseller.into(), show, of, count, &RequestId::fresh())
            .await?;
    Ok(changed.wanted.unwrap_or(changed.allotted))
}

fn field<T: std::fmt::Debug>(refused: Result<T, CatalogError>) -> &'static str {
    match refused {
        Err(CatalogError::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

async fn mine(pool: &PgPool, reseller: Uuid, show: &ShowId) -> ResellerShow {
    contract::reseller_show(pool, reseller.into(), show).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_draft_is_seen_by_its_reseller_alone_until_it_is_published() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (venue, show, ticket_type) = draft_of(pool, ANNA).await;
    assert_eq!(*show, *"mira-vale-harbour-lights");
    let seen = mine(pool, ANNA, &show).await;
    assert_eq!((seen.venue_id, seen.published_at), (venue, None));
    assert_eq!(seen.ticket_types[0].allotment, None);

    let app = app(&test_env);
    let hidden = |path: String| {
        let app = app.clone();
        async move { get(&app, &path, &[]).await.status() }
    };
    assert_eq!(hidden(format!("/v1/shows/{show}")).await, StatusCode::NOT_FOUND);
    assert_eq!(hidden(format!("/shows/{show}")).await, StatusCode::NOT_FOUND);
    assert!(!text(get(&app, "/", &[]).await).await.contains("Harbour Lights"));
    assert_eq!(json(get(&app, "/v1/shows", &[]).await).await["shows"].as_array().unwrap().len(), 0);
    assert!(contract::show(pool, &show).await.unwrap().is_none());
    assert!(contract::ticket_types(pool, &show).await.unwrap().is_empty());
    let seller = contract::seller(pool, &show).await.unwrap().unwrap();
    assert_eq!((seller.reseller, seller.published), (Some(ANNA.into()), false));

    allot(pool, ANNA, &show, ticket_type, 50).await.unwrap();
    publish(pool, ANNA, &show).await.unwrap();
    assert_eq!(hidden(format!("/v1/shows/{show}")).await, StatusCode::OK);
    assert!(text(get(&app, "/", &[]).await).await.contains("Harbour Lights"));
    assert_eq!(contract::ticket_types(pool, &show).await.unwrap().len(), 1);
    assert!(contract::seller(pool, &show).await.unwrap().unwrap().published);
    assert!(matches!(publish(pool, ANNA, &show).await, Err(CatalogError::AlreadyPublished)));
}

#[tokio::test]
async fn shows_come_page_by_page_and_only_ones_own() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let venue = contract::put_venue(pool, ANNA.into(), None, &a_venue()).await.unwrap();
    // Two start at the same moment: the page between them must lose neither.
    let soonest = a_draft(venue);
    for days in [2, 0, 1, 1] {
        let starts_at = soonest.starts_at + Duration::days(days);
        contract::create_show(pool, ANNA.into(), &ShowDraft { starts_at, ..soonest.clone() })
            .await
            .unwrap();
    }
    draft_of(pool, BERT).await;
    let all: Vec<ShowId> = contract::reseller_shows(pool, ANNA.into())
        .await
        .unwrap()
        .into_iter()
        .map(|of| of.show.show)
        .collect();
    for limit in 1..=5 {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let (page, next) =
                contract::reseller_shows_page(pool, ANNA.into(), after.as_ref(), limit)
                    .await
                    .unwrap();
            assert!(page.len() <= usize::from(limit) && !page.is_empty());
            read.extend(page.into_iter().map(|of| of.show.show));
            let Some(next) = next else { break };
            after = Some(next.to_string().parse::<ShowCursor>().unwrap());
        }
        assert_eq!(read, all, "{limit} a page");
    }
}

#[tokio::test]
async fn nobody_can_touch_what_is_another_resellers_or_the_houses() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (venue, show, ticket_type) = draft_of(pool, ANNA).await;
    allot(pool, ANNA, &show, ticket_type, 50).await.unwrap();
    let house = contract::put_show(pool, &a_show("house")).await.unwrap()[0].ticket_type;
    let own_venue = contract::put_venue(pool, BERT.into(), None, &a_venue()).await.unwrap();
    let before = format!("{:?}", mine(pool, ANNA, &show).await);
    let missing = |fault: Option<CatalogError>| {
        assert!(matches!(fault, Some(CatalogError::NotFound)), "{fault:?}")
    };

    assert!(contract::reseller_shows(pool, BERT.into()).await.unwrap().is_empty());
    assert_eq!(contract::venues(pool, BERT.into()).await.unwrap().len(), 1);
    missing(contract::put_venue(pool, BERT.into(), Some(venue), &a_venue()).await.err());
    for (theirs, of) in
        [(&show, ticket_type), (&id("house"), house), (&id("unknown"), Uuid::nil().into())]
    {
        assert!(contract::reseller_show(pool, BERT.into(), theirs).await.unwrap().is_none());
        missing(contract::change_show(pool, BERT.into(), theirs, &a_draft(own_venue)).await.err());
        missing(
            contract::put_ticket_type(pool, BERT.into(), theirs, None, &standing()).await.err(),
        );
        missing(
            contract::put_ticket_type(pool, BERT.into(), theirs, Some(of), &standing()).await.err(),
        );
        missing(allot(pool, BERT, theirs, of, 1).await.err());
        missing(publish(pool, BERT, theirs).await.err());
    }
    // What is theirs is not reached through what is one's own either.
    assert_eq!(field(contract::create_show(pool, BERT.into(), &a_draft(venue)).await), "venue");
    let (_, own, _) = draft_of(pool, BERT).await;
    assert_eq!(*own, *"mira-vale-harbour-lights-2");
    assert_eq!(
        field(contract::change_show(pool, BERT.into(), &own, &a_draft(venue)).await),
        "venue"
    );
    missing(
        contract::put_ticket_type(pool, BERT.into(), &own, Some(ticket_type), &standing())
            .await
            .err(),
    );
    missing(allot(pool, BERT, &own, ticket_type, 1).await.err());
    assert!(
        contract::put_allotment(pool, &show, ticket_type, 1).await.is_err(),
        "nor does the house"
    );
    assert!(contract::put_show(pool, &a_show(&show)).await.is_err(), "nor is it put over");
    assert_eq!(format!("{:?}", mine(pool, ANNA, &show).await), before);
}

#[tokio::test]
async fn a_show_is_published_only_with_something_to_sell_in_the_future() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (venue, show, ticket_type) = draft_of(pool, ANNA).await;
    assert!(
        matches!(publish(pool, ANNA, &show).await, Err(CatalogError::NotPublishable(_))),
        "nothing was said"
    );
    allot(pool, ANNA, &show, ticket_type, 0).await.unwrap();
    assert!(
        matches!(publish(pool, ANNA, &show).await, Err(CatalogError::NotPublishable(_))),
        "none are for sale"
    );
    allot(pool, ANNA, &show, ticket_type, 5).await.unwrap();
    let past = Utc::now() - Duration::days(1);
    let draft = a_draft(venue);
    let over = ShowDraft {
        doors_at: past,
        starts_at: past,
        on_sale_at: past - Duration::days(1),
        ..draft.clone()
    };
    contract::change_show(pool, ANNA.into(), &show, &over).await.unwrap();
    assert!(
        matches!(publish(pool, ANNA, &show).await, Err(CatalogError::NotPublishable(_))),
        "it is over"
    );
    contract::change_show(pool, ANNA.into(), &show, &draft).await.unwrap();
    publish(pool, ANNA, &show).await.unwrap();
    assert_eq!(field(contract::change_show(pool, ANNA.into(), &show, &over).await), "starts_at");
}

#[tokio::test]
async fn of_a_published_show_what_was_sold_keeps_its_name() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (venue, show, ticket_type) = draft_of(pool, ANNA).await;
    let renamed = NewTicketType { name: "Floor".to_owned(), ..standing() };
    contract::put_ticket_type(pool, ANNA.into(), &show, Some(ticket_type), &renamed).await.unwrap();
    allot(pool, ANNA, &show, ticket_type, 5).await.unwrap();
    let begun = ShowDraft { on_sale_at: Utc::now() - Duration::hours(1), ..a_draft(venue) };
    contract::change_show(pool, ANNA.into(), &show, &begun).await.unwrap();
    publish(pool, ANNA, &show).await.unwrap();

    assert_eq!(
        field(
            contract::put_ticket_type(pool, ANNA.into(), &show, Some(ticket_type), &standing())
                .await
        ),
        "name"
    );
    let dollars = NewTicketType { price: Money::new(6_900, id("USD")), ..renamed.clone() };
    assert_eq!(
        field(
            contract::put_ticket_type(pool, ANNA.into(), &show, Some(ticket_type), &dollars).await
        ),
        "currency"
    );
    let dearer = NewTicketType { price: euros(7_500), per_order_max: 2, ..renamed.clone() };
    contract::put_ticket_type(pool, ANNA.into(), &show, Some(ticket_type), &dearer).await.unwrap();
    assert_eq!(
        field(contract::put_ticket_type(pool, ANNA.into(), &show, None, &renamed).await),
        "name"
    );
    let dollars = NewTicketType { price: Money::new(6_900, id("USD")), ..standing() };
    assert_eq!(
        field(contract::put_ticket_type(pool, ANNA.into(), &show, None, &dollars).await),
        "currency"
    );
    contract::put_ticket_type(pool, ANNA.into(), &show, None, &standing()).await.unwrap();
    let seen = mine(pool, ANNA, &show).await;
    let types: Vec<_> = seen
        .ticket_types
        .iter()
        .map(|one| (one.ticket_type.name.as_str(), one.ticket_type.price))
        .collect();
    assert_eq!(
        types,
        [("Floor", euros(7_500)), ("Standing", euros(6_900))],
        "a new one stands behind the others"
    );

    let later = ShowDraft { on_sale_at: Utc::now() + Duration::days(2), ..begun.clone() };
    assert_eq!(field(contract::change_show(pool, ANNA.into(), &show, &later).await), "on_sale_at");
    let retitled = ShowDraft {
        title: "Harbour Lights II".to_owned(),
        on_sale_at: seen.show.on_sale_at,
        ..begun
    };
    contract::change_show(pool, ANNA.into(), &show, &retitled).await.unwrap();
    assert_eq!(contract::show(pool, &show).await.unwrap().unwrap().title, "Harbour Lights II");
}

#[tokio::test]
async fn a_performer_is_shared_and_what_is_said_of_them_is_not() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (.., show, _) = draft_of(pool, ANNA).await;
    let venue = contract::put_venue(pool, BERT.into(), None, &a_venue()).await.unwrap();
    let other = ShowDraft { genre: "Polka".to_owned(), ..a_draft(venue) };
    let theirs = contract::create_show(pool, BERT.into(), &other).await.unwrap();
    contract::put_show(pool, &contract::NewShow { genre: "Folk".to_owned(), ..a_show("house") })
        .await
        .unwrap();
    let told = async || {
        let house = contract::show(pool, &id("house")).await.unwrap().unwrap().genre;
        [
            mine(pool, ANNA, &show).await.show.genre,
            mine(pool, BERT, &theirs).await.show.genre,
            house,
        ]
    };
    assert_eq!(told().await, ["Pop", "Polka", "Folk"], "each says it of their own show alone");
    let louder = ShowDraft { genre: "Tango".to_owned(), ..other };
    contract::change_show(pool, BERT.into(), &theirs, &louder).await.unwrap();
    assert_eq!(told().await, ["Pop", "Tango", "Folk"], "and changes it there alone");
}

#[tokio::test]
async fn admins_see_every_show_and_mark_it() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (.., show, _) = draft_of(pool, ANNA).await;
    contract::put_show(pool, &a_show("house")).await.unwrap();
    contract::put_show(pool, &contract::NewShow { listed: false, ..a_show("unlisted") })
        .await
        .unwrap();
    let all = contract::all_shows(pool, None, 2).await.unwrap();
    let ids: Vec<_> = all
        .iter()
        .map(|one| (one.show.as_str(), one.reseller, one.published_at.is_some()))
        .collect();
    assert_eq!(ids, [("house", None, true), (show.as_str(), Some(ANNA.into()), false)]);
    let rest = contract::all_shows(pool, Some(&show), 2).await.unwrap();
    assert_eq!(rest.iter().map(|one| one.show.as_str()).collect::<Vec<_>>(), ["unlisted"]);

    let mut connection = pool.acquire().await.unwrap();
    for before in [false, true] {
        assert_eq!(
            contract::set_high_traffic(&mut connection, &show, true).await.unwrap(),
            Some(before)
        );
    }
    assert_eq!(
        contract::set_high_traffic(&mut connection, &id("unknown"), true).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_withdrawn_show_is_listed_nowhere_and_its_page_says_so() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (venue, show, ticket_type) = draft_of(pool, ANNA).await;
    let withdraw = async |reseller: Uuid, show: &ShowId| {
        contract::withdraw_own_show(
            pool,
            reseller.into(),
            show,
            "reseller anna@example.org",
            &RequestId::fresh(),
        )
        .await
    };
    assert!(matches!(withdraw(ANNA, &show).await, Err(CatalogError::NotPublished)));
    allot(pool, ANNA, &show, ticket_type, 50).await.unwrap();
    publish(pool, ANNA, &show).await.unwrap();
    assert!(matches!(withdraw(BERT, &show).await, Err(CatalogError::NotFound)));
    assert!(withdraw(ANNA, &show).await.unwrap());
    assert!(!withdraw(ANNA, &show).await.unwrap(), "once is enough");

    let app = app(&test_env);
    let page = get(&app, &format!("/shows/{show}"), &[]).await;
    assert_eq!(page.status(), StatusCode::GONE);
    let page = text(page).await;
    assert!(page.contains("This show was withdrawn.") && page.contains("stay valid"), "{page}");
    assert!(!page.contains("Get tickets") && !page.contains("\"@type\":\"Offer\""), "{page}");
    let gone = get(&app, &format!("/v1/shows/{show}"), &[]).await;
    assert_eq!(gone.status(), StatusCode::GONE);
    assert_eq!(json(gone).await["type"], "urn:fairgate:problem:show-withdrawn");
    assert_eq!(json(get(&app, "/v1/shows", &[]).await).await["shows"], serde_json::json!([]));
    assert!(!text(get(&app, "/", &[]).await).await.contains("Harbour Lights"));
    let kept = contract::withdrawal(pool, &show).await.unwrap().unwrap();
    assert_eq!((kept.by.as_str(), kept.reason), ("reseller anna@example.org", None));
    // Orders, letters and the portal still know it; nobody changes it.
    assert!(contract::show(pool, &show).await.unwrap().is_some());
    assert!(mine(pool, ANNA, &show).await.withdrawn_at.is_some());
    let changes = [
        contract::change_show(pool, ANNA.into(), &show, &a_draft(venue)).await.err(),
        contract::put_ticket_type(pool, ANNA.into(), &show, Some(ticket_type), &standing())
            .await
            .err(),
        allot(pool, ANNA, &show, ticket_type, 60).await.err(),
        publish(pool, ANNA, &show).await.err(),
    ];
    assert!(
        changes.iter().all(|fault| matches!(fault, Some(CatalogError::Withdrawn))),
        "{changes:?}"
    );
    let told = "SELECT count(*) FROM catalog.outbox WHERE payload->>'type' = 'sale_changed.v1' AND \
        key = $1";
    let told: i64 = sqlx::query_scalar(told).bind(show.as_str()).fetch_one(pool).await.unwrap();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn the_shows_of_a_suspended_reseller_are_not_on_sale_until_they_may_sell_again() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let app = app(&test_env);
    let (_, show, ticket_type) = draft_of(pool, ANNA).await;
    let (_, draft, _) = draft_of(pool, ANNA).await;
    let (_, other, others) = draft_of(pool, BERT).await;
    for (reseller, show, of) in [(ANNA, &show, ticket_type), (BERT, &other, others)] {
        allot(pool, reseller, show, of, 50).await.unwrap();
        publish(pool, reseller, show).await.unwrap();
    }
    let listed = async || -> Vec<String> {
        let shows = json(get(&app, "/v1/shows", &[]).await).await["shows"].clone();
        shows.as_array().unwrap().iter().map(|of| of["show"].as_str().unwrap().to_owned()).collect()
    };
    let suspend = async |stopped| {
        let mut tx = pool.begin().await.unwrap();
        let changed = contract::stop_reseller(&mut tx, ANNA.into(), stopped, &RequestId::fresh())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        changed
    };
    let stops = async || {
        (contract::stop(pool, &show).await.unwrap(), contract::stop(pool, &other).await.unwrap())
    };
    assert_eq!(listed().await.len(), 2);
    assert!(suspend(true).await);
    assert!(!suspend(true).await, "once is enough");
    assert_eq!(listed().await, [other.to_string()]);
    assert_eq!(stops().await, (Some(contract::Stop::Suspended), None));
    let page = get(&app, &format!("/shows/{show}"), &[]).await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = text(page).await;
    assert!(page.contains("not sold right now") && !page.contains("Get tickets"), "{page}");
    assert_eq!(json(get(&app, &format!("/v1/shows/{show}"), &[]).await).await["stop"], "suspended");
    assert!(suspend(false).await);
    assert!(!suspend(false).await);
    assert_eq!((listed().await.len(), stops().await), (2, (None, None)));
    assert!(
        !text(get(&app, &format!("/shows/{show}"), &[]).await).await.contains("not sold right now")
    );
    let told = "SELECT array_agg(key ORDER BY id) FROM catalog.outbox WHERE payload->>'type' = \
        'sale_changed.v1'";
    let told: Vec<String> = sqlx::query_scalar(told).fetch_one(pool).await.unwrap();
    assert_eq!(
        told,
        [show.to_string(), show.to_string()],
        "nobody is told of {draft}, a draft, or of what did not change"
    );
}
