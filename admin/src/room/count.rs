//! What stands elsewhere about a room: sessions and stock in checkout, the gate's view.

use catalog::contract::ShowId;
use checkout::contract::StockCount;
use waitroom::contract::RoomState;

use crate::{
    App,
    room::{
        measures::{Counts, Stock, TypeFigures},
        show_name::Shows,
    },
};

/// Counts what stands elsewhere about a room.
pub async fn count(app: &App, room: &RoomState, shows: &Shows) -> anyhow::Result<Counts> {
    let lanes = app.seen.line(&room.room).lanes();
    let (view, left_waiting, sessions, stock) = tokio::join!(
        app.gate.view(&room.room),
        app.gate.left_behind(&room.room, &lanes),
        checkout::contract::session_counts(&app.pool, &room.room),
        checkout::contract::stock_counts(&app.pool, &app.redis, &room.show),
    );
    let (sessions, types) = (sessions?, stock?);
    let sum = |of: fn(&StockCount) -> i64| types.iter().map(of).sum::<i64>();
    let sum_known = |of: fn(&StockCount) -> Option<i64>| types.iter().map(of).sum::<Option<i64>>();
    Ok(Counts {
        claimed: sessions.opened,
        active: sessions.active,
        unclaimed: view.map_or(0, |view| view.unclaimed as i64),
        left_waiting: left_waiting.unwrap_or(0),
        stock: Stock {
            allotted: sum(|kind| kind.allotted),
            sold: sum(|kind| kind.sold),
            reserved: sum(|kind| kind.reserved),
            held: sum_known(|kind| kind.held),
            left: sum_known(|kind| kind.free),
            ..Stock::default()
        },
        types: by_type(&types, shows, &room.show),
    })
}

/// Each type with its name, in the order they are offered.
fn by_type(counts: &[StockCount], shows: &Shows, show: &ShowId) -> Vec<TypeFigures> {
    let names = shows.ticket_types(show);
    let mut types: Vec<TypeFigures> = counts
        .iter()
        .map(|count| TypeFigures {
            ticket_type: count.ticket_type.uuid(),
            name: names
                .iter()
                .find(|(known, _)| *known == count.ticket_type)
                .map_or_else(|| "A ticket type".to_owned(), |(_, name)| name.clone()),
            allotted: count.allotted,
            sold: count.sold,
            reserved: count.reserved,
            held: count.held,
            left: count.free,
        })
        .collect();
    types.sort_by_key(|kind| {
        names.iter().position(|(known, _)| known.uuid() == kind.ticket_type).unwrap_or(usize::MAX)
    });
    types
}
