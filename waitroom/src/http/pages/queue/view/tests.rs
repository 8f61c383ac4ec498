use admission::contract::{EntropySource, HoldBack, StockState};
use uuid::Uuid;

use super::*;
use crate::place::{
    chance::{Odds, Sale, TypeOdds},
    wait::{WaitCurve, WaitPoint, WaitRange, WaitSay},
};

fn a_page(view: QueueView) -> String {
    kept_page(view, Keeping::Cookie)
}

fn kept_page(view: QueueView, keeping: Keeping) -> String {
    let now: DateTime<Utc> = "2026-11-21T19:00:00Z".parse().expect("a time");
    let show = Show {
        show: "harbour-lights".parse().expect("an id"),
        title: "Harbour <Lights>".into(),
        performer: "Mira Vale".into(),
        genre: "Pop".into(),
        description: String::new(),
        venue: catalog::contract::Venue {
            name: "Hafenhalle".into(),
            city: "Hamburg".into(),
            country: "DE".into(),
            address: String::new(),
            time_zone: "Europe/Berlin".into(),
        },
        doors_at: now,
        starts_at: now,
        on_sale_at: now + chrono::Duration::days(1),
        high_traffic: true,
    };
    let (room, show) = ("harbour".parse().expect("a name"), Arc::new(show));
    let receipt = matches!(view, QueueView::InDraw(_)).then(|| PlaceReceipt {
        entry: "1.4".to_owned(),
        token: "v4.public.the-receipt".to_owned(),
    });
    let (has_left, commitment) = (false, None);
    let page = QueuePage { room, show, view, keeping, has_left, commitment, receipt, now };
    page.render().expect("the page renders")
}

fn entrance(phase: Phase) -> Entrance {
    let wait = Some(WaitRange { low_secs: 125, high_secs: 230 });
    Entrance {
        passes: false,
        phase,
        draws: false,
        entropy_source: None,
        people_waiting: 1204,
        straight_in: false,
        wait,
        sale: None,
        claim_window_secs: 120,
        message: String::new(),
    }
}

/// Everybody up to far behind waits from `low_secs` to `high_secs`.
fn curve(low_secs: f64, high_secs: f64) -> WaitCurve {
    let point = |ahead| WaitPoint { ahead, low_secs, high_secs };
    WaitCurve { say: WaitSay::Range, points: vec![point(0), point(100_000)] }
}

fn waiting() -> Waiting {
    Waiting {
        lane: 1,
        offset: 9000,
        entry: None,
        number: 36_002,
        ahead: 12_408,
        ahead_at_join: 31_020,
        people_waiting: 80_214,
        wait: curve(750.0, 1070.0),
        held_by: Vec::new(),
        sale: None,
        told: None,
        phase: Phase::Open,
        message: String::new(),
        joined_at: DateTime::UNIX_EPOCH,
        as_of: DateTime::UNIX_EPOCH,
        claim_window_secs: 120,
        poll_after_ms: 2000,
    }
}

fn sale(state: StockState, tickets_left: i64, tickets_held: i64) -> Sale {
    let odds = Odds { tickets: tickets_left as f64, inside: 0.0, mean: 1.0, variance: 0.5 };
    let ticket_type = Uuid::nil();
    let standing = TypeOdds { ticket_type, name: "Standing".into(), state, tickets_left, odds };
    Sale { state, tickets_left, tickets_held, types: vec![standing] }
}

/// The page has each of `parts`.
fn says(view: QueueView, parts: &[&str]) {
    let page = a_page(view);
    for part in parts {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
}

#[test]
fn whoever_has_not_joined_can_do_so_where_the_line_takes_people() {
    let join = "action=\"/queue/harbour-lights/join\"";
    says(
        QueueView::NotJoined(entrance(Phase::Open)),
        &[join, "1,204 people are waiting.", "about 2 to 4 minutes"],
    );
    says(
        QueueView::NotJoined(entrance(Phase::PreQueue)),
        &[
            join,
            "datetime=\"2026-11-22T20:00:00+01:00\" data-own=\"full\">Sunday 22 November 2026 \
                at 20:00, Berlin time",
        ],
    );
    assert!(!a_page(QueueView::NotJoined(entrance(Phase::Scheduled))).contains(join));
}

#[test]
fn where_places_are_drawn_nobody_is_told_that_coming_first_helps() {
    let drawn = |phase| Entrance { draws: true, ..entrance(phase) };
    says(
        QueueView::NotJoined(drawn(Phase::PreQueue)),
        &[
            "Join the draw",
            "Places are drawn",
            "same chance of every place",
            "among all who joined",
        ],
    );
    says(
        QueueView::NotJoined(drawn(Phase::Drawing)),
        &["Join the line", "The draw is being made. Whoever joins now stands behind"],
    );
    for (source, said) in [
        (EntropySource::Operator, "the number that is to be entered before witnesses."),
        (EntropySource::Drand, "a public random number that nobody could know before."),
    ] {
        let waits = Entrance { entropy_source: Some(source), ..drawn(Phase::Drawing) };
        let said = format!("Entries are closed. The draw waits for {said} Whoever joins now");
        says(QueueView::NotJoined(waits), &[&said]);
    }
    let in_draw = |phase| {
        QueueView::InDraw(InDraw {
            entry: "1.602".to_owned(),
            entrance: drawn(phase),
            joined_at: DateTime::UNIX_EPOCH,
            ahead_at_join: 7,
            poll_after_ms: 2_000,
            drawn: Waiting { entry: Some("1.602".to_owned()), number: 0, ahead: 0, ..waiting() },
        })
    };
    let before = [
        "You are in the draw",
        "1,204 people are in the draw",
        "Places are drawn",
        "data-opens-ms=",
        "Leave the draw",
    ];
    says(in_draw(Phase::PreQueue), &before);
    says(in_draw(Phase::Drawing), &["<p data-drawing>The draw is being made."]);
    let page = a_page(in_draw(Phase::PreQueue));
    assert!(page.contains("<p data-drawing hidden>"), "{page}");
    let (shown, kept) = page.split_once("<template data-become=\"waiting\">").expect("a template");
    assert!(!shown.contains("place-number"), "nobody has a number yet");
    assert!(kept.contains("place-number") && kept.contains("data-proof=\"1.602\""), "{kept}");
}

#[test]
fn whoever_waits_reads_place_wait_and_picture() {
    let open = ["12,409", "12,408 people are ahead of you.", "That is about 12 to 18 minutes."];
    says(QueueView::Waiting(waiting()), &open);
    let picture = "aria-label=\"place 12,409 of about 80,200\"";
    says(
        QueueView::Waiting(waiting()),
        &[picture, "18,612 people have gone in", "http-equiv=\"refresh\" content=\"5; url="],
    );
    let paused = Waiting {
        phase: Phase::Paused,
        wait: WaitCurve::without_range(WaitSay::Paused),
        message: "<b>Soon.".into(),
        ..waiting()
    };
    says(
        QueueView::Waiting(paused),
        &["The line is paused. Your place is safe.", "&#60;b&#62;Soon."],
    );
    says(
        QueueView::Waiting(Waiting { ahead: 0, ..waiting() }),
        &["You are next · Harbour", "You are next."],
    );
}

#[test]
fn a_page_that_looks_again_is_minded_by_a_script_that_needs_no_other() {
    let guard = "<script src=\"/assets/guard.js?v=";
    let again = "data-secs=\"5\" data-path=\"/queue/harbour-lights?told=1795288670\"></script>";
    says(QueueView::Waiting(waiting()), &[guard, again, "data-told-secs=\"1070\""]);
    says(QueueView::NotJoined(entrance(Phase::Open)), &[guard, "data-secs=\"30\"></script>"]);
    let closed = QueueView::Closed { message: String::new() };
    assert!(!a_page(closed).contains(guard), "nothing will change");
}

#[test]
fn whoever_missed_the_turn_reads_why_there_is_no_second_one_now() {
    let missed = |phase, sale| WindowMissed {
        missed_at: None,
        may_resume_until: None,
        not_now: true,
        claim_window_secs: 120,
        entrance: Entrance { sale, ..entrance(phase) },
    };
    let words = |phase, sale| missed(phase, sale).not_now_words();
    assert!(words(Phase::Open, None).starts_with("Nobody can go in beside the line"));
    let gone = Some(sale(StockState::AllHeld, 0, 3));
    assert!(words(Phase::Open, gone.clone()).starts_with("No ticket is free right now"));
    assert!(words(Phase::Paused, gone.clone()).starts_with("The line is paused"));
    assert!(words(Phase::Closed, gone.clone()).starts_with("The line has closed"));
    says(QueueView::WindowMissed(missed(Phase::Open, gone)), &["No ticket is free right now, so"]);
}

#[test]
fn the_wait_is_told_by_the_clock_too_and_a_longer_one_is_explained() {
    let clock = "You will be in between 20:12 and 20:18, Berlin time.";
    says(QueueView::Waiting(waiting()), &[clock, "?told=1795288670"]);
    let later = "That is later than we said before.";
    let told =
        |told, held_by| QueueView::Waiting(Waiting { told: Some(told), held_by, ..waiting() });
    let now = 1_795_287_600;
    says(told(now + 600, Vec::new()), &[later, "The line moves more slowly than it did."]);
    let slow = vec![HoldBack::OrdersSlow { order_ms: 1400 }];
    says(told(now + 600, slow.clone()), &[later, "Checkout is busy"]);
    let page = a_page(told(now + 1070, slow));
    assert!(!page.contains(later) && page.contains("Checkout is busy"), "{page}");
}

#[test]
fn whoever_waits_is_told_what_is_left_and_may_stay_or_leave() {
    let told = |sale: Sale, ahead| {
        let wait = match sale.state {
            StockState::SoldOut => WaitCurve::without_range(WaitSay::SoldOut),
            _ => waiting().wait,
        };
        a_page(QueueView::Waiting(Waiting { sale: Some(sale), ahead, wait, ..waiting() }))
    };
    let choice = "You can stay: some fans do not come, and tickets come back.";
    let hidden = "data-stay hidden>";
    let plenty = told(sale(StockState::Available, 12_000, 0), 3_400);
    let row = "<strong>Standing</strong><br><span class=\"quiet\">12,000 left</span></span><span>\
        Your chance: very likely, over 95 %</span>";
    assert!(plenty.contains(row) && plenty.contains(hidden), "{plenty}");
    for (sale, title) in [
        (sale(StockState::Available, 310, 0), "There may be none left at your turn"),
        (sale(StockState::AllHeld, 0, 3), "Every ticket is taken right now"),
        (sale(StockState::SoldOut, 0, 0), "All tickets are sold"),
    ] {
        let page = told(sale, 12_408);
        let says = |part| page.contains(part);
        assert!(says(title) && says(choice) && !says(hidden), "{page}");
        assert!(says("href=\"/queue/harbour-lights/leave\""), "{page}");
    }
}

#[test]
fn where_nobody_waits_there_is_no_talk_of_a_line() {
    let open = Entrance { straight_in: true, ..entrance(Phase::Open) };
    let page = a_page(QueueView::NotJoined(open));
    assert!(page.contains("action=\"/queue/harbour-lights/go\""), "{page}");
    assert!(!page.contains("Join the line") && !page.contains("How it works"), "{page}");
}

#[test]
fn a_show_whose_room_passes_everybody_through_says_that_it_has_no_line() {
    let page =
        |entrance: Entrance| a_page(QueueView::NotJoined(Entrance { passes: true, ..entrance }));
    let open = page(Entrance { straight_in: true, ..entrance(Phase::Open) });
    assert!(
        open.contains("This show has no line") && open.contains("You go straight in"),
        "{open}"
    );
    let full = page(entrance(Phase::Open));
    assert!(full.contains("let in as soon as it has room"), "{full}");
    let early = page(entrance(Phase::Scheduled));
    assert!(early.contains("The sale has not begun"), "{early}");
}

#[test]
fn before_the_opening_the_page_counts_down_and_looks_again_in_time() {
    let page = a_page(QueueView::NotJoined(entrance(Phase::Scheduled)));
    assert!(page.contains("That is in 24 hours<noscript>"), "{page}");
    assert!(page.contains("data-opens-ms=\"86400000\""), "{page}");
    assert!(page.contains("http-equiv=\"refresh\" content=\"30\""), "{page}");
}

#[test]
fn whoever_is_let_in_or_missed_it_reads_what_to_do() {
    let at: DateTime<Utc> = "2026-11-21T19:02:00Z".parse().expect("a time");
    let turn = [
        "It is your turn · ",
        "datetime=\"2026-11-21T20:02:00+01:00\" data-own=\"clock\">20:02:00, Berlin time</time>",
        "<noscript>, 2 minutes from when this page was loaded</noscript>",
        "/enter\"",
        "data-left-ms=\"120000\"",
    ];
    let at_turn = |door_open| YourTurn {
        place: "harbour.1.9000".parse().expect("a place"),
        claim_until: at,
        door_open,
    };
    says(QueueView::YourTurn(at_turn(true)), &turn);
    says(QueueView::YourTurn(at_turn(true)), &["data-shut hidden>", "data-door=\"open\""]);
    says(QueueView::YourTurn(at_turn(false)), &["data-shut>Checkout is not letting anyone in"]);
    let missed = |phase| {
        QueueView::WindowMissed(WindowMissed {
            missed_at: Some(at),
            may_resume_until: None,
            not_now: false,
            claim_window_secs: 120,
            entrance: entrance(phase),
        })
    };
    says(missed(Phase::Open), &["name=\"again\" value=\"1\"", "You had 2 minutes to go in"]);
    says(missed(Phase::Closed), &["The line takes nobody now"]);
    let ways =
        ["href=\"/checkout/harbour-lights\"", "name=\"again\" value=\"1\"", "Join the line again"];
    says(QueueView::Entered(entrance(Phase::Open)), &ways);
    assert!(!a_page(QueueView::Entered(entrance(Phase::Closed))).contains("name=\"again\""));
    says(QueueView::Closed { message: String::new() }, &["The line has closed"]);
}

#[test]
fn whoever_was_let_in_reads_what_is_said_of_the_sale() {
    let told = |phase| Entrance { message: "Not \"now\".".into(), ..entrance(phase) };
    let said = "Not &#34;now&#34;.";
    let at = |text: &str| Some(text.parse().expect("a time"));
    let stopped =
        |claim_until| QueueView::Stopped(Stopped { claim_until, entrance: told(Phase::Paused) });
    let marked = "data-v=\"message\">Not &#34;now&#34;.";
    let turn = "Your turn goes until <time class=\"num nowrap\" \
        datetime=\"2026-11-21T20:02:00+01:00\"";
    let anew = "name=\"again\" value=\"1\"";
    let on = stopped(at("2026-11-21T19:02:00Z"));
    says(
        on.clone(),
        &[said, marked, turn, "If the sale does not go on before, you must join again."],
    );
    assert!(!a_page(on).contains(anew));
    for over in [at("2026-11-21T18:58:00Z"), None] {
        says(stopped(over), &[said, marked, "you must join again", anew]);
        assert!(!a_page(stopped(over)).contains("Your turn goes until"));
    }
    let missed = |may_resume_until| WindowMissed {
        missed_at: None,
        may_resume_until,
        not_now: true,
        claim_window_secs: 120,
        entrance: told(Phase::Paused),
    };
    says(QueueView::WindowMissed(missed(None)), &[said, anew]);
    let resume = "action=\"/queue/harbour-lights/resume\"";
    let second = QueueView::WindowMissed(missed(at("2026-11-21T19:10:00Z")));
    let why = "The line is paused, so nobody is let in right now.";
    says(second, &[said, resume, "until <time", "Not at this moment.", why, anew]);
    says(QueueView::Entered(told(Phase::Closed)), &[said]);
    says(QueueView::NotJoined(told(Phase::Paused)), &[said, marked]);
}

/// What shows without scripts: neither what waits for them nor what they would show.
fn without_scripts(page: &str) -> String {
    let parts = page.split("data-scripted hidden>").enumerate();
    let shown = parts.map(|(index, part)| {
        if index == 0 { part } else { part.split_once("</span>").map_or("", |(_, rest)| rest) }
    });
    shown.collect()
}

#[test]
fn only_a_page_with_scripts_says_that_it_goes_on_by_itself() {
    let pages = [
        QueueView::NotJoined(entrance(Phase::Open)),
        QueueView::NotJoined(entrance(Phase::Scheduled)),
        QueueView::Waiting(waiting()),
        QueueView::YourTurn(YourTurn {
            place: "harbour.1.9000".parse().expect("a place"),
            claim_until: DateTime::UNIX_EPOCH,
            door_open: true,
        }),
    ];
    for view in pages {
        let page = a_page(view);
        let bare = without_scripts(&page);
        let promises: Vec<&str> = bare.matches("by itself").collect();
        // It does reload, by its own `refresh`, as often as it says.
        let kept = bare.matches("reloads by itself every 5 seconds").count();
        assert_eq!(promises.len(), kept, "{bare}");
    }
    assert!(a_page(QueueView::Waiting(waiting())).contains("takes you to checkout by itself"));
}

#[test]
fn the_states_of_the_page_look_as_they_did() {
    let at: DateTime<Utc> = "2026-11-21T19:02:00Z".parse().expect("a time");
    let with = |sale, say| {
        let wait = match say {
            WaitSay::Range => waiting().wait,
            say => WaitCurve::without_range(say),
        };
        QueueView::Waiting(Waiting { sale, wait, ..waiting() })
    };
    let plenty = sale(StockState::Available, 12_000, 40);
    let few = Waiting {
        ahead: 6,
        sale: Some(sale(StockState::FewLeft, 18, 2)),
        wait: curve(20.0, 90.0),
        held_by: vec![HoldBack::StockLow { free: 18 }],
        ..waiting()
    };
    let turn = |door_open| {
        let place = "harbour.1.9000".parse().expect("a place");
        QueueView::YourTurn(YourTurn { place, claim_until: at, door_open })
    };
    let told = |phase, straight_in, sale| {
        QueueView::NotJoined(Entrance { straight_in, sale, ..entrance(phase) })
    };
    let states = [
        ("waiting", with(Some(plenty), WaitSay::Range)),
        ("few_left", QueueView::Waiting(few)),
        ("almost_none", with(Some(sale(StockState::Available, 310, 40)), WaitSay::Range)),
        ("all_held", with(Some(sale(StockState::AllHeld, 0, 340)), WaitSay::AllHeld)),
        ("sold_out", with(Some(sale(StockState::SoldOut, 0, 0)), WaitSay::SoldOut)),
        ("door_shut", with(None, WaitSay::DoorShut)),
        ("your_turn", turn(true)),
        ("your_turn_door_shut", turn(false)),
        (
            "missed",
            QueueView::WindowMissed(WindowMissed {
                missed_at: Some(at),
                may_resume_until: Some(at + chrono::TimeDelta::minutes(10)),
                not_now: false,
                claim_window_secs: 120,
                entrance: entrance(Phase::Open),
            }),
        ),
        ("lobby", told(Phase::Scheduled, false, None)),
        ("entrance", told(Phase::Open, false, None)),
        ("entrance_sold_out", told(Phase::Open, false, Some(sale(StockState::SoldOut, 0, 0)))),
        ("straight_in", told(Phase::Open, true, None)),
    ];
    for (name, view) in states {
        let page = a_page(view);
        let main = page.split("<main").nth(1).and_then(|rest| rest.split("</main>").next());
        let filters = testkit::volatile();
        insta::with_settings!({ filters => filters, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("page_queue_{name}"), main.expect("a main part"));
        });
    }
}
