//! A draw, end to end: who comes before the opening is drawn, whoever comes later stands behind,
//! and everybody can work out their own turn from what is published.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use admission::contract::{Cohort, Draw, Entropy, LanePlace, LineMethod, Seed};
use serde_json::Value;
use testkit::{RoomBuilder, TestEnv, eventually};
use waitroom::contract::{Phase, RoomChange, change_room};

use crate::{
    browser::Browser,
    fan::{claim, redeem},
    test_system::{TestSystem, a_show, assert_clean, reply},
};

const LANES: i32 = 3;

/// Somebody in line.
pub struct Fan {
    pub ticket: String,
    pub place: LanePlace,
}

/// A system with a room in which fans can join, and none is let in yet; later so many at once.
pub async fn pre_queue(max_active: i32) -> TestSystem {
    pre_queue_in(TestEnv::new().await, max_active, &[]).await
}

/// The same in this environment, with settings on top.
pub async fn pre_queue_in(
    test_env: TestEnv,
    max_active: i32,
    settings: &[(&str, &str)],
) -> TestSystem {
    let system = TestSystem::open_in(test_env, settings).await;
    a_show("r").stock(100, 1).put(&system.stores.pool).await;
    let room = RoomBuilder::new("r").lanes(LANES).rate_per_sec(1_000.0).max_active(max_active);
    let room = room.method(LineMethod::Draw);
    room.create(&system.stores.pool, &system.stores.kafka).await;
    change(&system, Phase::PreQueue).await;
    head_when(&system, |head| head["phase"] == "pre_queue").await;
    system
}

pub async fn change(system: &TestSystem, phase: Phase) {
    let change = RoomChange { phase: Some(phase), ..RoomChange::default() };
    change_room(&system.stores.pool, "r", &change).await.expect("a change");
}

pub async fn head_when(system: &TestSystem, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually("the head document", async || {
        let answer = reply(system.get("/v1/rooms/r/head")).await;
        Some(answer.body).filter(|head| is_so(head))
    })
    .await
}

pub async fn join(system: &TestSystem) -> (Fan, Value) {
    // A topic that was just made may take its first records late.
    let joined = eventually("a place", async || {
        let joined = reply(system.post("/v1/rooms/r/places")).await;
        (joined.status == 201).then_some(joined)
    })
    .await;
    let number = |name: &str| joined.body[name].as_u64().expect("a number");
    let place = LanePlace { lane: number("lane") as u32, offset: number("offset") };
    (Fan { ticket: joined.text_of("ticket"), place }, joined.body)
}

async fn place(system: &TestSystem, fan: &Fan) -> Value {
    let asked = system.get("/v1/rooms/r/place").bearer_auth(&fan.ticket);
    reply(asked).await.with_status(200).body
}

/// What a stranger works out from the head document alone.
fn drawn(head: &Value) -> Draw {
    let of = |name: &str| serde_json::from_value(head["draw"][name].clone());
    let ends: Vec<u64> = of("ends").expect("ends");
    let seed: Seed = serde_json::from_value(head["draw"]["seed"].clone()).expect("a seed");
    let entropy: Entropy =
        serde_json::from_value(head["draw"]["entropy"].clone()).expect("entropy");
    assert_eq!(head["draw"]["commitment"], seed.commitment().to_string());
    let cohort = Cohort::new(ends).expect("a cohort");
    Draw::new(&"r".parse().expect("a name"), cohort, &seed, &entropy).expect("a draw")
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_came_before_the_opening_are_drawn_and_the_others_stand_behind() {
    let system = pre_queue(10_000).await;
    let mut fans = Vec::new();
    for _ in 0..20 {
        let (fan, joined) = join(&system).await;
        assert!(joined["place"].is_null() && joined["ahead"].is_null(), "{joined}");
        fans.push(fan);
    }
    let waiting = place(&system, &fans[0]).await;
    assert_eq!((&waiting["state"], &waiting["place"]), (&"in_draw".into(), &Value::Null));
    let before = head_when(&system, |head| head["waiting"] == 20).await;
    assert!(before["draw"]["seed"].is_null() && before["draw"]["commitment"].is_string());

    change(&system, Phase::Open).await;
    let head = head_when(&system, |head| head["phase"] == "open").await;
    assert_eq!(head["draw"]["commitment"], before["draw"]["commitment"]);
    let draw = drawn(&head);
    assert_eq!(draw.cohort().size(), 20);
    let (late, joined) = join(&system).await;
    assert_eq!(
        joined["place"],
        i64::try_from(draw.turns(late.place.lane, late.place.offset)).unwrap() * 3
            + i64::from(late.place.lane)
            + 1
    );
    let mut places = BTreeSet::new();
    for fan in &fans {
        let position = draw.position(fan.place).expect("drawn");
        assert_eq!(place(&system, fan).await["place"], position + 1);
        places.insert(position);
    }
    assert_eq!(places.len(), 20, "everybody has a place of their own");
    for fan in fans.iter().chain([&late]) {
        let pass = claim(&system, "r", &fan.ticket).await;
        redeem(&system, &pass).await.with_status(201);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_clean(&system.verify().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_before_the_draw_is_passed_over() {
    let system = pre_queue(10_000).await;
    let (stays, _) = join(&system).await;
    let (leaves, _) = join(&system).await;
    let left = system.delete("/v1/rooms/r/place").bearer_auth(&leaves.ticket);
    reply(left).await.with_status(204);
    assert_eq!(place(&system, &leaves).await["state"], "left");
    change(&system, Phase::Open).await;
    claim(&system, "r", &stays.ticket).await;
    assert_eq!(place(&system, &leaves).await["state"], "left");
    head_when(&system, |head| head["waiting"] == 0 && head["admitted"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_tells_of_the_draw_and_checks_its_place_on_the_fans_own_device() {
    // Nobody is let in, so that the page stays.
    let settings = [("FAIRGATE_ROOTS_EVERY_SECS", "1")];
    let system = pre_queue_in(TestEnv::new().await, 0, &settings).await;
    for _ in 0..6 {
        join(&system).await;
    }
    let browser = Browser::start(true).await;
    browser.go(&format!("{}/queue/r", system.base)).await;
    browser.see(r#"form[action="/queue/r/join"]"#).await;
    browser.check("draw entrance").await;
    browser.click(r#"form[action="/queue/r/join"] button"#).await;
    browser.see(r#"[data-queue="in_draw"]"#).await;
    browser.see(r#"details[data-receipt^="v4.public."]"#).await;
    browser.check("in the draw").await;
    // The page becomes the line's by itself: nobody asks the server for another one.
    browser.value("window.before = true").await;
    let ticket = browser.later(TICKET, vec![]).await;
    let drawn = system.get("/v1/rooms/r/place").bearer_auth(ticket.as_str().expect("a ticket"));
    change(&system, Phase::Open).await;
    browser.see(".place-number").await;
    assert_eq!(browser.value("return window.before").await, true, "it was loaded anew");
    let place: i64 = browser.text(".place-number").await.parse().expect("a number");
    assert_eq!(reply(drawn).await.with_status(200).body["place"], place);
    assert_eq!(browser.text(r#"[data-v="number"]"#).await, place.to_string());
    assert_eq!(browser.attribute("main h1", "tabindex").await, "-1");
    // And it is the one that the server would have sent.
    eventually("the same words as the server's", async || {
        let own = browser.later(WORDS, vec![]).await;
        (own[0] == own[1]).then_some(())
    })
    .await;
    eventually("roots over all", async || {
        let roots = reply(system.get("/v1/rooms/r/roots")).await.body;
        // The newest of each lane comes last.
        let each = roots["roots"].as_array()?.iter();
        let newest: BTreeMap<_, _> =
            each.map(|root| (root["lane"].as_u64(), root["size"].as_u64())).collect();
        (newest.into_values().flatten().sum::<u64>() == 7).then_some(())
    })
    .await;
    // Until everybody knows of them.
    tokio::time::sleep(Duration::from_secs(3)).await;
    browser.click("details[data-proof] summary").await;
    // Commitment, lanes, turn, receipt, its signature, record.
    browser.see(r#"details[data-proof] li:nth-child(6)"#).await;
    browser.see(r#"details[data-proof] ul[data-holds="true"]"#).await;
    browser.check("place drawn").await;
    // A receipt that says the same and was not signed is none.
    browser.value(FORGED).await;
    browser.click("details[data-proof] summary").await;
    browser.click("details[data-proof] summary").await;
    browser.see(r#"details[data-proof] ul[data-holds="false"]"#).await;
    let said = browser.text("details[data-proof] ul").await;
    assert!(said.contains("Does not hold: Your receipt is signed by us"), "{said}");
    assert_eq!(said.matches("Does not hold").count(), 1, "{said}");
    browser.quit().await;
}

/// Changes the signature of the receipt that this device has kept.
const FORGED: &str = "
    const { entry } = document.querySelector('[data-receipt]').dataset;
    const name = `fairgate-receipt-r-${entry}`;
    const [version, purpose, body, footer] = localStorage.getItem(name).split('.');
    const end = body.at(-9) === 'A' ? 'B' : 'A';
    const forged = body.slice(0, -9) + end + body.slice(-8);
    localStorage.setItem(name, [version, purpose, forged, footer].join('.'));";
/// The place ticket, by a link to the place from this page.
const TICKET: &str = "
    const done = arguments[0];
    const text = (answer) => answer.text();
    fetch('/queue/r/device', { method: 'POST' }).then(text).then((page) => {
        const link = /link=([\\w.-]+)/.exec(page)[1];
        const asked = {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ link }),
        };
        return fetch('/v1/rooms/r/place/from-link', asked);
    }).then((answer) => answer.json()).then(({ ticket }) => done(ticket), () => done(null));";
/// What the page says, and what the server's page says: names and texts of all that has a name,
/// but for the times of the day, which the page tells in the reader's own zone.
const WORDS: &str = "
    const done = arguments[0];
    const OWN = ['news', 'clock', 'opens-in'];
    const words = (page) => [...page.querySelectorAll('main [data-v]')]
        .filter((part) => !OWN.includes(part.dataset.v))
        .map((part) => `${part.dataset.v}: ${part.hidden ? '' : part.textContent}`);
    fetch(location.href).then((page) => page.text()).then((text) => {
        const page = new DOMParser().parseFromString(text, 'text/html');
        done([words(document), words(page)]);
    });";
