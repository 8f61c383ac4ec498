//! The checks of the line: what was acknowledged is there, heads and order, waiting, sessions.

use std::collections::BTreeMap;

use admission::contract::{PlaceId, grant_lasts_ms};
use serde::Serialize;

use crate::verify::{
    direct,
    line::{LaneState, OVERTAKING_MS_BOUND, moved_back, out_of_order, overtaken_beyond},
    pace,
    report::Report,
    sessions, slow,
    snapshot::{Room, Session, Snapshot},
    told_pace, waiting, windows,
};

/// 3. What was acknowledged is there.
pub fn judge_log(snapshot: &Snapshot, report: &mut Report) {
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
    let misdrawn = rooms.iter().map(|room| &room.draw).filter(|draw| !draw.is_as_frozen());
    report.add(
        "draw-as-frozen",
        "A drawn line lets in whom its draw froze",
        rooms.len(),
        misdrawn,
        |draw| draw.room.clone(),
    );
    let in_line: Vec<&Session> = sessions.iter().filter(|one| !direct::is_direct(one)).collect();
    let unplaced = unplaced(rooms, &in_line);
    report.add(
        "places-in-line",
        "A session's place stands in the line and was let in",
        in_line.len(),
        unplaced,
        |row| row.session.to_string(),
    );
    let straight = sessions.len() - in_line.len();
    let outside = sessions.iter().filter_map(direct::outside);
    report.add(
        "straight-in",
        "Who came while the room slept came in after that, and in time",
        straight,
        outside,
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
fn unplaced(rooms: &[Room], sessions: &[&Session]) -> Vec<Unplaced> {
    let lanes: BTreeMap<String, &LaneState> = rooms
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
pub fn judge_heads(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { rooms, .. } = snapshot;
    let records = rooms.iter().map(|room| room.published.len()).sum();
    let places = rooms.iter().flat_map(|room| room.joined.values()).map(Vec::len).sum();
    let lanes: Vec<_> = rooms.iter().flat_map(|room| &room.lanes).collect();
    let back = rooms.iter().flat_map(|room| moved_back(&room.room, &room.published));
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
    let disordered = rooms.iter().flat_map(|room| out_of_order(&room.room, &room.joined));
    report.add(
        "lane-order",
        "Within a lane, later places joined later",
        places,
        disordered,
        |row| format!("{}.{}.{}", row.room, row.lane, row.offset),
    );
    let overtaken = rooms.iter().flat_map(|room| {
        overtaken_beyond(&room.joined, &room.steps, OVERTAKING_MS_BOUND)
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

/// Nobody waits in vain, and it is known when everybody was let in.
pub fn judge_waiting(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { rooms, .. } = snapshot;
    let lanes = rooms.iter().map(|room| room.lanes.len()).sum();
    let records = rooms.iter().map(|room| room.published.len()).sum();
    let passed_over = rooms.iter().flat_map(|room| {
        waiting::passed_over(&room.lanes, &room.joined, &room.steps, OVERTAKING_MS_BOUND)
    });
    report.add(
        "nobody-passed-over",
        "No lane is left waiting while others run on",
        lanes,
        passed_over,
        |row| format!("{}.{}.{}", row.room, row.lane, row.offset),
    );
    let gaps = rooms
        .iter()
        .flat_map(|room| waiting::gaps(&room.room, &room.published, room.heads_from_start));
    report.add(
        "heads-continuous",
        "A head goes on from where it was told to be",
        records,
        gaps,
        |row| format!("{}.{}@{}", row.room, row.lane, row.heads_record),
    );
}

/// 5. The cap, the rate and the windows are kept.
pub fn judge_sessions(snapshot: &Snapshot, report: &mut Report) {
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
    let faster = snapshot.rooms.iter().filter_map(|room| {
        told_pace::faster_than_told(&room.room, &room.published, room.heads_from_start)
    });
    let fast = fast.chain(faster);
    report.add("admit-rate", "Fans are let in no faster than asked", records, fast, |row| {
        format!("{}@{}", row.room, row.rate_per_sec)
    });
    let slow = snapshot
        .rooms
        .iter()
        .flat_map(|room| slow::too_slow(&room.room, &room.published, room.heads_from_start));
    report.add(
        "admit-pace",
        "Where nothing holds them back, fans are let in as fast as asked",
        records,
        slow,
        |row| format!("{}@{}", row.room, row.rate_per_sec),
    );
    let outside = snapshot.rooms.iter().flat_map(|room| opened_outside(snapshot, room));
    report.add(
        "sessions-in-window",
        "A session opened in its place's window",
        snapshot.sessions.len(),
        outside,
        |row| row.session.to_string(),
    );
}

fn opened_outside(snapshot: &Snapshot, room: &Room) -> Vec<windows::OutsideWindow> {
    let opened: Vec<windows::Opened> = snapshot
        .sessions
        .iter()
        .filter(|session| session.span.room == room.room)
        .filter_map(|Session { span, place }| {
            let place: PlaceId = place.parse().ok()?;
            Some(windows::Opened { session: span.session, place, opened_ms: span.opened_ms })
        })
        .collect();
    let Room { published, steps, second_grants, .. } = room;
    // How much longer than any window.
    windows::opened_outside(published, steps, &opened, second_grants, grant_lasts_ms(0))
}
