//! `fairgate verify`: an independent checker of what must always hold.
//!
//! [`snapshot`] gathers rows; the other modules take values and return what is wrong with them;
//! [`report`] tells it.

pub mod line;
pub mod orders;
pub mod pace;
pub mod report;
pub mod sessions;
mod snapshot;
pub mod stock;

use std::{collections::BTreeMap, time::Duration};

use admission::contract::OVERTAKING_MS_MAX;
use anyhow::bail;
use clap::Args;
use serde::Serialize;

use crate::{print_result, settings::Stores};
use report::Report;
use snapshot::{Room, Session, Snapshot};

/// What is on its way is looked at again so often before it counts as wrong.
const LOOKS_MORE: u32 = 5;
const PAUSE: Duration = Duration::from_millis(400);
/// The gate's bound is between its clock's fronts; fetching a join and publishing a head may take
/// so much longer.
const OVERTAKING_ALLOWANCE_MS: i64 = 500;

#[derive(Args)]
pub struct VerifyArgs {
    /// Only this show. All of them where none is named.
    #[arg(long)]
    show: Option<String>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Checks and prints the report.
///
/// # Errors
/// A server away, or a check that fails: then the error names it, after the rows were printed.
pub async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    let report = check(&Stores::from_env()?, args.show.as_deref()).await?;
    print_result(&if args.json { serde_json::to_string_pretty(&report)? } else { report.table() });
    if !report.clean {
        bail!("these do not hold: {}", report.failing().join(", "));
    }
    Ok(())
}

/// Checks one show, or all. A running sale is looked at several times, and only what persists
/// counts.
///
/// # Errors
/// A server away.
pub async fn check(stores: &Stores, scope: Option<&str>) -> anyhow::Result<Report> {
    let mut report = look(stores, scope).await?;
    for _ in 0..LOOKS_MORE {
        if report.clean {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        let mut again = look(stores, scope).await?;
        again.keep_what_persists(&report);
        report = again;
    }
    Ok(report)
}

/// One look, at a system that rests.
///
/// # Errors
/// A server away.
pub async fn look(stores: &Stores, scope: Option<&str>) -> anyhow::Result<Report> {
    Ok(judge(&snapshot::take(stores, scope).await?))
}

fn judge(snapshot: &Snapshot) -> Report {
    let mut report = Report::default();
    judge_stock(snapshot, &mut report);
    judge_orders(snapshot, &mut report);
    judge_log(snapshot, &mut report);
    judge_heads(snapshot, &mut report);
    judge_sessions(snapshot, &mut report);
    report
}

/// 1. Sold, reserved, held and free make what was allotted.
fn judge_stock(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { shards, allotments, tickets, .. } = snapshot;
    let count = shards.len();
    report.add(
        "stock-counted",
        "Committed stock is what the orders add up to",
        count,
        stock::miscounted(shards),
        |row| format!("{}:{}", row.key(), row.sold + row.reserved - row.committed),
    );
    report.add(
        "stock-within-allotment",
        "No more is committed than allotted",
        count,
        stock::oversold(shards),
        |row| row.key(),
    );
    // A command on its way changes the difference from look to look; a shard that lost count keeps
    // it.
    report.add(
        "stock-redis",
        "Redis gives away what is uncommitted",
        count,
        stock::redis_differs(shards),
        |row| {
            let parts = [row.redis_free, row.redis_held, row.redis_placing];
            let given: i64 = parts.iter().map(|part| part.unwrap_or_default()).sum();
            format!("{}:{}", row.key(), given + row.committed - row.allotted)
        },
    );
    let differing = stock::disagreeing(allotments);
    report.add(
        "allotments-agree",
        "What is allotted is in stock",
        allotments.len(),
        differing,
        |row| format!("{}:{}", row.ticket_type, row.stocked - row.allotted),
    );
    let sums = stock::sums(shards, tickets);
    let off = sums.iter().filter(|sum| sum.excess() != 0);
    report.add("stock-sum", "Sold + reserved + held + free = allotted", sums.len(), off, |sum| {
        format!("{}:{}", sum.ticket_type, sum.excess())
    });
    let oversold = sums.iter().filter(|sum| sum.is_oversold());
    report.add(
        "tickets-within-allotment",
        "No more tickets are issued than allotted",
        sums.len(),
        oversold,
        |sum| sum.ticket_type.to_string(),
    );
}

/// 2. Holds, passes, tickets, payments and refunds fit together.
fn judge_orders(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { orders, bought, payments, sessions, codes, .. } = snapshot;
    let holds = orders::repeated(orders.iter().map(|order| order.hold.to_string()));
    report.add("one-order-per-hold", "A hold makes one order", orders.len(), holds, |row| {
        row.what.clone()
    });
    let many = orders::sessions_with_many(orders);
    report.add(
        "one-open-order-per-session",
        "A session has one open order",
        orders.len(),
        many,
        |row| row.what.clone(),
    );
    let places = orders::repeated(sessions.iter().map(|session| session.place.clone()));
    report.add("one-session-per-pass", "A pass opens one session", sessions.len(), places, |row| {
        row.what.clone()
    });
    let known = sessions.iter().map(|session| session.span.session).collect();
    let strays = orders::without_session(orders, &known);
    report.add(
        "orders-have-sessions",
        "An order was placed in a session",
        orders.len(),
        strays,
        ToString::to_string,
    );
    let wrong = orders::wrongly_ticketed(orders, bought);
    report.add(
        "tickets-are-paid",
        "Paid orders have their tickets, others none",
        bought.len(),
        wrong,
        |row| format!("{}.{}:{}", row.order, row.ticket_type, row.tickets),
    );
    let good = orders::good_after_refund(orders, bought);
    report.add(
        "refunded-tickets-void",
        "Tickets of refunded orders are void",
        bought.len(),
        good,
        |row| format!("{}.{}", row.order, row.ticket_type),
    );
    let repeated = orders::repeated(codes.iter().map(|code| code.to_uppercase()));
    report.add(
        "ticket-codes-unique",
        "A code belongs to one ticket",
        codes.len(),
        repeated,
        |row| row.what.clone(),
    );
    let astray = orders::money_astray(orders);
    report.add(
        "money-has-an-end",
        "Money in means tickets or a refund",
        orders.len(),
        astray,
        |row| row.order.to_string(),
    );
    let refunds = orders.iter().map(|order| order.refunds.len()).sum();
    let unfounded = orders::unfounded_refunds(orders);
    report.add(
        "refunds-are-founded",
        "Only money that came goes back",
        refunds,
        unfounded,
        |row| row.order.to_string(),
    );
    let lost = orders::lost_payments(orders, payments);
    report.add("payments-kept", "No acknowledged payment is lost", payments.len(), lost, |row| {
        row.intent.clone()
    });
}

/// 3. What was acknowledged is there.
fn judge_log(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { rooms, sessions, drains, outbox, .. } = snapshot;
    let is_open: BTreeMap<&str, bool> =
        rooms.iter().map(|room| (room.room.as_str(), room.is_open)).collect();
    let lanes = || rooms.iter().flat_map(|room| &room.lanes);
    let cut = lanes()
        .filter(|lane| lane.lost_records() && is_open.get(lane.room.as_str()) == Some(&true));
    report.add(
        "line-kept",
        "Nothing was deleted from an open line",
        lanes().count(),
        cut,
        |lane| lane_key(&lane.room, lane.lane),
    );
    let gone = rooms.iter().filter_map(gone_lanes);
    report.add("lanes-there", "An open room has all its lanes", rooms.len(), gone, |row| {
        row.room.clone()
    });
    let unplaced = unplaced(rooms, sessions);
    report.add(
        "places-in-line",
        "A session's place stands in the line and was let in",
        sessions.len(),
        unplaced,
        |row| row.session.to_string(),
    );
    let waiting = drains.iter().filter(|drain| drain.next_offset != drain.end);
    report.add("orders-written", "Every command was written", drains.len(), waiting, |drain| {
        format!("{}@{}", drain.partition, drain.next_offset)
    });
    report.add("events-sent", "Every event was published", outbox.len(), outbox, |row| {
        row.outbox_id.to_string()
    });
}

fn lane_key(room: &str, lane: i32) -> String {
    format!("{room}.{lane}")
}

#[derive(Serialize)]
struct GoneLanes {
    room: String,
    lanes_expected: i32,
    lanes: usize,
}

fn gone_lanes(room: &Room) -> Option<GoneLanes> {
    let (lanes, lanes_expected) = (room.lanes.len(), room.lanes_expected);
    let is_gone = room.is_open && lanes < usize::try_from(lanes_expected).unwrap_or_default();
    is_gone.then(|| GoneLanes { room: room.room.clone(), lanes_expected, lanes })
}

#[derive(Serialize)]
struct Unplaced {
    session: uuid::Uuid,
    place: String,
    /// The committed head of its lane; null where there is no such lane.
    head: Option<i64>,
    /// The end of its lane.
    end: Option<i64>,
}

/// Sessions whose place is not in the line, or was not let in.
fn unplaced(rooms: &[Room], sessions: &[Session]) -> Vec<Unplaced> {
    let lanes: BTreeMap<String, &line::LaneState> = rooms
        .iter()
        .flat_map(|room| &room.lanes)
        .map(|lane| (lane_key(&lane.room, lane.lane), lane))
        .collect();
    // The line of a room that was closed and sealed may be gone.
    let sealed = |room: &str| {
        rooms.iter().any(|known| known.room == room && !known.is_open && known.lanes.is_empty())
    };
    sessions
        .iter()
        .filter(|session| !sealed(&session.span.room))
        .filter_map(|session| {
            let (lane, offset) = session.place.rsplit_once('.').unwrap_or_default();
            let state = lanes.get(lane).filter(|state| state.room == session.span.room);
            let is_placed = match (state, offset.parse::<i64>()) {
                (Some(state), Ok(offset)) => (0..state.committed.min(state.high)).contains(&offset),
                _ => false,
            };
            (!is_placed).then(|| Unplaced {
                session: session.span.session,
                place: session.place.clone(),
                head: state.map(|state| state.committed),
                end: state.map(|state| state.high),
            })
        })
        .collect()
}

/// 4. Heads only grow, order holds, overtaking stays within its bound.
fn judge_heads(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { rooms, .. } = snapshot;
    let records = rooms.iter().map(|room| room.published.len()).sum();
    let places = rooms.iter().flat_map(|room| room.joined.values()).map(Vec::len).sum();
    let lanes: Vec<_> = rooms.iter().flat_map(|room| &room.lanes).collect();
    let back = rooms.iter().flat_map(|room| line::moved_back(&room.room, &room.published));
    report.add("heads-never-back", "A head never moves back", records, back, |row| {
        format!("{}.{}@{}", row.room, row.lane, row.heads_record)
    });
    let ahead = lanes.iter().copied().filter(|lane| !lane.heads_in_order());
    report.add(
        "heads-committed",
        "A head is published after it was committed",
        lanes.len(),
        ahead,
        |lane| lane_key(&lane.room, lane.lane),
    );
    // Where the topic forgot all there was of a room, nothing can be said of its last heads.
    let told = rooms.iter().filter(|room| room.heads_from_start || !room.published.is_empty());
    let silent = told.flat_map(|room| &room.lanes).filter(|lane| !lane.all_published());
    report.add("heads-published", "Whoever was let in was told", lanes.len(), silent, |lane| {
        format!("{}.{}@{}", lane.room, lane.lane, lane.committed)
    });
    let disordered = rooms.iter().flat_map(|room| line::out_of_order(&room.room, &room.joined));
    report.add(
        "lane-order",
        "Within a lane, later places joined later",
        places,
        disordered,
        |row| format!("{}.{}.{}", row.room, row.lane, row.offset),
    );
    let bound_ms = OVERTAKING_MS_MAX + OVERTAKING_ALLOWANCE_MS;
    let overtaken = rooms.iter().flat_map(|room| {
        let steps = line::steps(&room.published, room.heads_from_start);
        line::overtaken_beyond(&room.joined, &steps, bound_ms)
            .into_iter()
            .map(|row| (room.room.clone(), row))
    });
    report.add(
        "overtaking",
        "Nobody is overtaken across lanes beyond the bound",
        places,
        overtaken,
        |(room, row)| format!("{room}.{}.{}", row.lane, row.offset),
    );
}

/// 5. The cap and the rate are kept.
fn judge_sessions(snapshot: &Snapshot, report: &mut Report) {
    let mut rooms: BTreeMap<&str, Vec<sessions::Span>> = BTreeMap::new();
    for session in &snapshot.sessions {
        rooms.entry(&session.span.room).or_default().push(session.span.clone());
    }
    let over = rooms.values().flat_map(|spans| sessions::sweep(spans).over);
    report.add(
        "sessions-within-cap",
        "No more are in checkout than may be",
        snapshot.sessions.len(),
        over,
        |row| row.session.to_string(),
    );
    let records = snapshot.rooms.iter().map(|room| room.published.len()).sum();
    let fast = snapshot.rooms.iter().flat_map(|room| {
        pace::too_fast(&room.room, &pace::admissions(&room.published, room.heads_from_start))
    });
    report.add("admit-rate", "Fans are let in no faster than asked", records, fast, |row| {
        format!("{}@{}", row.room, row.rate_per_sec)
    });
}
