//! What stands elsewhere about a room: sessions and stock in checkout, the gate's view.

use waitroom::contract::RoomState;

use crate::{
    App,
    room::figures::{Counts, Stock},
};

/// Counts what stands elsewhere about a room.
pub async fn count(app: &App, room: &RoomState) -> anyhow::Result<Counts> {
    let (view, sessions, stock) = tokio::join!(
        app.gate.view(&room.room),
        checkout::contract::session_counts(&app.pool, &room.room),
        checkout::contract::stock_counts(&app.pool, &app.redis, &room.show),
    );
    let (sessions, types) = (sessions?, stock?);
    let sum = |of: fn(&checkout::contract::StockCount) -> i64| types.iter().map(of).sum::<i64>();
    let sum_known = |of: fn(&checkout::contract::StockCount) -> Option<i64>| {
        types.iter().map(of).sum::<Option<i64>>()
    };
    Ok(Counts {
        claimed: sessions.opened,
        active: sessions.active,
        unclaimed: view.map_or(0, |view| view.unclaimed as i64),
        stock: Stock {
            allotted: sum(|kind| kind.allotted),
            sold: sum(|kind| kind.sold),
            reserved: sum(|kind| kind.reserved),
            held: sum_known(|kind| kind.held),
            left: sum_known(|kind| kind.free),
        },
    })
}
