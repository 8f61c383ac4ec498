//! A browser that keeps cookies has its place in one; any other has it in the address, and is told
//! so.

use std::time::Duration;

use axum::http::{StatusCode, header};
use waitroom::contract::Phase;

use crate::test_waitroom::TestWaitroom;

const KEPT: &str = "Your place is in the address of this page.";
const NONE: &str = "Checkout needs cookies, and this browser has sent none back.";

#[tokio::test(flavor = "multi_thread")]
async fn without_cookies_the_place_stays_in_the_address_and_is_one() {
    let waitroom = TestWaitroom::create(1, 1000.0, 60).await;
    waitroom.put_show().await;
    waitroom.set_phase(Phase::PreQueue).await;
    let fan = &waitroom.instance;
    let entrance = fan.page("GET", "/queue/s", "").await.1;
    assert!(entrance.contains("your place is in the address of the next page"), "{entrance}");
    let page = fan.sent_on("POST", "/queue/s/join", "").await;
    assert!(page.starts_with("/queue/s?place=v4.local."), "{page}");
    let answer = fan.browse("GET", &page, "").await;
    assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let (status, words, set) = fan.page("GET", &page, "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        words.contains("You are in line") && words.contains(KEPT) && words.contains(NONE),
        "{words}"
    );
    assert!(!words.contains("in this browser"), "{words}");
    assert!(
        !set.contains("fg_place"),
        "an address that somebody else made must not become this browser's place"
    );
    // Pressing the button again at this address takes no other place.
    assert_eq!(fan.sent_on("POST", &page.replace("/queue/s?", "/queue/s/join?"), "").await, page);

    waitroom.set_phase(Phase::Open).await;
    while !fan.page("GET", &page, "").await.1.contains("It is your turn") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, turn, _) = fan.page("GET", &page, "").await;
    let enter = page.replace("/queue/s?", "/queue/s/enter?");
    assert!(turn.contains(&format!("action=\"{enter}\"")) && turn.contains(NONE), "{turn}");
    assert!(!turn.contains("data-enter"), "a page that goes in by itself would lead to nowhere");
    assert_eq!(
        fan.sent_on("POST", &enter, "").await,
        page,
        "checkout cannot know a browser without cookies"
    );
    for form in ["join", "enter"] {
        let reloaded = page.replace("/queue/s?", &format!("/queue/s/{form}?"));
        assert_eq!(fan.sent_on("GET", &reloaded, "").await, page);
    }
    // Cookies are allowed now: the page asks, the browser brings one back.
    let (_, turn, _) = fan.page("GET", &page, "fg_cookies=1").await;
    assert!(turn.contains(KEPT) && !turn.contains(NONE) && turn.contains("data-enter"), "{turn}");
    let (status, _, pass) = fan.page("POST", &enter, "fg_cookies=1").await;
    assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
    assert!(pass.contains("fg_pass_s=v4.public."), "{pass}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_cookies_the_address_stays_clean() {
    let waitroom = TestWaitroom::create(1, 1000.0, 60).await;
    waitroom.put_show().await;
    waitroom.set_phase(Phase::PreQueue).await;
    let fan = &waitroom.instance;
    let (_, _, asked) = fan.page("GET", "/queue/s", "").await;
    assert!(asked.starts_with("fg_cookies=1"), "{asked}");
    let answer = fan.browse("POST", "/queue/s/join", "fg_cookies=1").await;
    assert_eq!(answer.location(), "/queue/s");
    let set = answer.header("set-cookie");
    let place = set.split(';').next().unwrap().to_owned();
    let (_, words, _) = fan.page("GET", "/queue/s", &format!("fg_cookies=1; {place}")).await;
    assert!(words.contains("You are in line") && !words.contains(KEPT), "{words}");
    // Joined without having seen the entrance: once the cookie is back, the ticket leaves the
    // address.
    let address = fan.sent_on("POST", "/queue/s/join", "").await;
    assert_eq!(fan.sent_on("GET", &address, &place).await, "/queue/s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_not_of_this_line_is_no_place() {
    let waitroom = TestWaitroom::create(1, 1000.0, 60).await;
    waitroom.put_show().await;
    waitroom.set_phase(Phase::PreQueue).await;
    for ticket in ["nonsense", waitroom.ticket_of_another_room().as_str()] {
        let (status, words, _) =
            waitroom.instance.page("GET", &format!("/queue/s?place={ticket}"), "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(words.contains("Join the line") && !words.contains(KEPT), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_straight_in_joins_once_a_cookie_came_back_and_only_once() {
    let waitroom = TestWaitroom::open(1, 1000.0).await;
    waitroom.put_show().await;
    let fan = &waitroom.instance;
    fan.head_when(|head| head["straight_in"] == true).await;
    let asked = fan.browse("POST", "/queue/s/go", "").await;
    assert_eq!(asked.status, StatusCode::TEMPORARY_REDIRECT);
    assert!(asked.header("set-cookie").starts_with("fg_cookies=1"));
    let again = asked.location().to_owned();
    assert!(again.starts_with("/queue/s/go?asked=1&key="), "{again}");
    // A browser that keeps none is shown the entrance, and has used up no place.
    assert_eq!(fan.sent_on("POST", &again, "").await, "/queue/s");
    let (head, _) = fan.head_when(|_| true).await;
    assert_eq!((head["admitted"].as_i64(), head["waiting"].as_i64()), (Some(0), Some(0)));
    // One that does goes in; and again by the same place, where the answer was lost.
    let mut places = Vec::new();
    for _ in 0..2 {
        let (status, _, set) = fan.page("POST", &again, "fg_cookies=1").await;
        assert_eq!(status, StatusCode::TEMPORARY_REDIRECT);
        assert!(set.contains("fg_pass_s=v4.public.") && set.contains("fg_place_r="), "{set}");
        let entered = set.lines().find(|line| line.starts_with("fg_entered_r="));
        places.push(entered.and_then(|line| line.split(';').next()).map(str::to_owned));
    }
    assert!(places[0].is_some() && places[0] == places[1], "{places:?}");
    // From the entrance, which asked before: the place stays in the address, and is one.
    let entrance = fan.browse("GET", "/queue/s", "").await;
    let form = [("asked", "1"), ("key", &*entrance.hidden("key"))];
    let kept = fan.submit("POST", "/queue/s/go", "", &form).await;
    assert!(kept.location().starts_with("/queue/s?place=v4.local."), "{}", kept.location());
    let (head, _) = fan.head_when(|head| head["waiting"] == 0).await;
    fan.submit("POST", "/queue/s/go", "", &form).await;
    let (later, _) = fan.head_when(|head| head["waiting"] == 0).await;
    assert_eq!(head["admitted"], later["admitted"]);
}
