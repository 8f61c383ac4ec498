//! Nobody is let in for whom nothing is left.

use std::time::{Duration, Instant};

use admission::contract::{HoldBack, StockState};

use crate::test_line::TestLine;

#[tokio::test(flavor = "multi_thread")]
async fn as_many_come_in_as_there_are_tickets_and_one_more_for_each_that_comes_back() {
    let line = TestLine::new(1, |_| {}).await;
    line.join(50).await;
    line.serve();
    line.door.tell_stock(&line.room, 10, 0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    line.open().await;
    line.heads_until(10).await;
    line.door.tell_stock(&line.room, 0, 10);
    let began = Instant::now();
    let sold_out = loop {
        let heads = line.heads().await;
        let said = |stock: &admission::contract::LineStock| stock.state() == StockState::AllHeld;
        if let Some(record) =
            heads.into_iter().find(|record| record.stock.as_ref().is_some_and(said))
        {
            break record;
        }
        assert!(began.elapsed() < Duration::from_secs(2), "nobody says that it is sold out");
    };
    // They come, find nothing, and leave.
    let admitted = line.admitted().await;
    assert!((10..=16).contains(&admitted), "{admitted}");
    for place in line.admitted_places().await {
        line.gate().leave(&place).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(line.admitted().await, admitted, "nothing is left: {sold_out:?}");
    let last = line.heads().await.pop().expect("a tick");
    let held_by = last.pace.map(|pace| pace.held_by).unwrap_or_default();
    assert!(held_by.contains(&HoldBack::SoldOut { held: 10 }), "{held_by:?}");

    line.door.tell_stock(&line.room, 1, 9);
    let began = Instant::now();
    line.heads_until(admitted + 1).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(line.admitted().await <= admitted + 2, "one for one, or another in case none comes");
}
