use super::*;
use crate::place::wait::WaitRange;

fn a_page(view: QueueView) -> String {
    kept_page(view, Keeping::Cookie)
}

fn kept_page(view: QueueView, keeping: Keeping) -> String {
    let now: DateTime<Utc> = "2026-11-21T19:00:00Z".parse().expect("a time");
    let show = Show {
        show: "harbour-lights".into(),
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
    QueuePage { room: "harbour".parse().expect("a name"), show: Arc::new(show), view, keeping, now }
        .render()
        .expect("the page renders")
}

fn entrance(phase: Phase) -> Entrance {
    let wait = Some(WaitRange { low_secs: 125, high_secs: 230 });
    Entrance { phase, people_waiting: 1204, wait, claim_window_secs: 120, message: String::new() }
}

fn waiting() -> Waiting {
    Waiting {
        lane: 1,
        offset: 9000,
        number: 36_002,
        ahead: 12_408,
        ahead_at_join: 31_020,
        people_waiting: 80_214,
        wait: Some(WaitRange { low_secs: 750, high_secs: 1070 }),
        phase: Phase::Open,
        message: String::new(),
        joined_at: DateTime::UNIX_EPOCH,
        claim_window_secs: 120,
        poll_after_ms: 2000,
    }
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
fn whoever_waits_reads_place_wait_and_picture() {
    let open = ["12,409", "12,408 people are ahead of you.", "That is about 12 to 18 minutes."];
    says(QueueView::Waiting(waiting()), &open);
    let picture = "aria-label=\"place 12,409 of about 80,200\"";
    says(
        QueueView::Waiting(waiting()),
        &[picture, "18,612 people have gone in", "http-equiv=\"refresh\" content=\"5\""],
    );
    let paused = Waiting { phase: Phase::Paused, message: "<b>Soon.".into(), ..waiting() };
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
fn whoever_is_let_in_or_missed_it_reads_what_to_do() {
    let at: DateTime<Utc> = "2026-11-21T19:02:00Z".parse().expect("a time");
    let turn = [
        "It is your turn · ",
        "datetime=\"2026-11-21T20:02:00+01:00\" data-own=\"clock\">20:02:00, Berlin time</time>",
        "<noscript>, 2 minutes from when this page was loaded</noscript>",
        "/enter\"",
        "data-left-ms=\"120000\"",
    ];
    says(QueueView::YourTurn(YourTurn { claim_until: at }), &turn);
    let missed = |phase| {
        QueueView::WindowMissed(WindowMissed {
            missed_at: Some(at),
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
    let marked = "data-phase=\"paused\" data-message=\"Not &#34;now&#34;.\"";
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
    let missed =
        WindowMissed { missed_at: None, claim_window_secs: 120, entrance: told(Phase::Paused) };
    says(QueueView::WindowMissed(missed), &[said]);
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
        QueueView::YourTurn(YourTurn { claim_until: DateTime::UNIX_EPOCH }),
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
fn the_page_is_light() {
    assert!(QUEUE_JS.body.len() < 10 * 1024);
    assert!(kit::asset::STYLESHEET.body.len() < 20 * 1024);
}
