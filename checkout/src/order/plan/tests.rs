use proptest::prelude::*;
use uuid::Uuid;

use crate::order::{buyer::Buyer, command::EndOrder, plan::*};

const TYPE: Uuid = Uuid::from_u128(1);

fn id(n: u128) -> OrderId {
    Uuid::from_u128(n).into()
}

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + secs, 0).expect("a time")
}

fn shard(shard: i32) -> ShardKey {
    ShardKey { ticket_type: TYPE.into(), shard }
}

fn found(rows: &[(i32, i32)]) -> BatchState {
    let stock = (0..)
        .zip(rows)
        .map(|(index, (allotted, committed))| {
            (
                shard(index),
                LockedStock { allotted: *allotted, committed: *committed, epoch: 5, version: 10 },
            )
        })
        .collect();
    BatchState { stock, ..BatchState::default() }
}

/// Order `n` from hold `n` of session `n`, with so many tickets of each shard.
fn submit(n: u128, lines: &[(i32, i32)]) -> SubmitOrder {
    let lines = lines
        .iter()
        .map(|(shard, quantity)| SubmitLine {
            ticket_type: TYPE.into(),
            shard: *shard,
            quantity: *quantity,
            unit_price_minor: 100,
            epoch: 5,
        })
        .collect();
    SubmitOrder {
        order: id(n),
        session: Uuid::from_u128(1000 + n).into(),
        show: "show".parse().expect("a show's id"),
        hold: Uuid::from_u128(2000 + n).into(),
        lines,
        amount: Money::new(100, "EUR".parse().expect("a currency")),
        buyer: Buyer { name: "A".to_owned(), email: "a@example.com".to_owned(), language: None },
        request_hash: String::new(),
        placed_at: at(0),
        expires_at: at(300),
    }
}

fn queued(command: Command) -> QueuedCommand {
    QueuedCommand { command, request_id: "r".to_owned() }
}

fn queued_submit(submit: SubmitOrder) -> QueuedCommand {
    queued(Command::Submit(Box::new(submit)))
}

fn cancel(n: u128) -> QueuedCommand {
    queued(Command::Cancel(EndOrder { order: id(n) }))
}

fn expire(n: u128) -> QueuedCommand {
    queued(Command::Expire(EndOrder { order: id(n) }))
}

/// The books after a plan was written.
fn written(mut found: BatchState, plan: &BatchPlan) -> BatchState {
    for (shard, committed) in &plan.committed {
        let stock = found.stock.get_mut(shard).expect("a row");
        stock.committed = *committed;
        stock.version += 1;
    }
    for (submit, state) in &plan.placed {
        let lines = submit.lines.iter().map(|line| (key(line), line.quantity)).collect();
        let known = ExistingOrder {
            state: *state,
            session: submit.session,
            show: submit.show.clone(),
            amount: submit.amount,
            expires_at: submit.expires_at,
            lines,
        };
        assert!(found.orders.insert(submit.order, known).is_none(), "an order is inserted once");
        assert!(found.holds.insert(submit.hold), "one order per hold");
        if state.keeps_stock() {
            found.sessions.insert(submit.session, submit.order);
        }
    }
    for (order, state) in &plan.ended {
        let known = found.orders.get_mut(order).expect("an order");
        known.state = *state;
        let session = known.session;
        found.sessions.remove(&session);
    }
    found
}

#[test]
fn an_order_moves_each_row_once() {
    let batch = [queued_submit(submit(1, &[(0, 2), (1, 1)])), queued_submit(submit(2, &[(0, 3)]))];
    let plan = plan_batch(&batch, found(&[(10, 0), (10, 0)]), at(1));
    assert_eq!(plan.committed, BTreeMap::from([(shard(0), 5), (shard(1), 1)]));
    let settlement = &plan.settlements[&shard(0)];
    assert_eq!((settlement.version_from, settlement.version_to), (10, 11));
    assert_eq!(settlement.accepted, [(id(1), 2), (id(2), 3)]);
    assert_eq!(plan.events.len(), 2);
}

#[test]
fn a_command_of_an_earlier_epoch_is_rejected_and_takes_nothing() {
    let mut stale = submit(1, &[(0, 2), (1, 1)]);
    stale.lines[1].epoch = 4;
    let plan = plan_batch(&[queued_submit(stale)], found(&[(10, 0), (10, 0)]), at(1));
    assert_eq!(plan.rejected, [(id(1), RejectReason::StaleEpoch)]);
    assert!(plan.placed.is_empty() && plan.committed.is_empty());
    // What was submitted under the epoch that still holds goes back; the other was dropped by the
    // rebuild.
    assert_eq!(plan.settlements[&shard(0)].returned, [id(1)]);
    assert!(!plan.settlements.contains_key(&shard(1)));
    assert_eq!(plan.settlements[&shard(0)].version_to, 10);
}

#[test]
fn a_stale_attempt_followed_by_a_good_one_is_an_order() {
    let mut stale = submit(1, &[(0, 2)]);
    stale.lines[0].epoch = 4;
    let plan = plan_batch(
        &[queued_submit(stale), queued_submit(submit(1, &[(0, 2)]))],
        found(&[(10, 0)]),
        at(1),
    );
    assert!(plan.rejected.is_empty());
    assert_eq!(plan.placed.len(), 1);
}

#[test]
fn the_last_ticket_is_sold_once() {
    let batch = [queued_submit(submit(1, &[(0, 1)])), queued_submit(submit(2, &[(0, 1)]))];
    let plan = plan_batch(&batch, found(&[(10, 9)]), at(1));
    assert_eq!(plan.placed.len(), 1);
    assert_eq!(plan.rejected, [(id(2), RejectReason::SoldOut)]);
}

#[test]
fn a_hold_makes_one_order_and_a_session_has_one() {
    let (mut same_hold, mut same_session) = (submit(2, &[(0, 1)]), submit(3, &[(0, 1)]));
    same_hold.hold = submit(1, &[]).hold;
    same_session.session = submit(1, &[]).session;
    let batch = [submit(1, &[(0, 1)]), same_hold, same_session].map(queued_submit);
    let plan = plan_batch(&batch, found(&[(10, 0)]), at(1));
    let rejected = [(id(2), RejectReason::HoldUsed), (id(3), RejectReason::OrderOpen)];
    assert_eq!(plan.rejected, rejected);
}

#[test]
fn a_cancelled_order_lets_the_session_order_again() {
    let mut second = submit(2, &[(0, 1)]);
    second.session = submit(1, &[]).session;
    let batch = [queued_submit(submit(1, &[(0, 4)])), cancel(1), cancel(1), queued_submit(second)];
    let plan = plan_batch(&batch, found(&[(4, 0)]), at(1));
    let states: Vec<OrderState> = plan.placed.iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [OrderState::Cancelled, OrderState::Placed]);
    assert!(
        plan.ended.is_empty(),
        "an order that came and went in one batch is inserted as it ended"
    );
    assert_eq!(plan.committed[&shard(0)], 1);
    assert_eq!(plan.settlements[&shard(0)].freed, 4);
}

#[test]
fn an_order_expires_when_its_time_is_over_and_not_before() {
    let start = found(&[(4, 0)]);
    let placed =
        written(start.clone(), &plan_batch(&[queued_submit(submit(1, &[(0, 2)]))], start, at(1)));
    assert!(plan_batch(&[expire(1)], placed.clone(), at(299)).ended.is_empty());
    let plan = plan_batch(&[expire(1), cancel(1)], placed.clone(), at(300));
    assert_eq!(plan.ended, [(id(1), OrderState::Expired)]);
    assert_eq!(plan.committed[&shard(0)], 0);
    let mut paid = placed;
    paid.orders.get_mut(&id(1)).expect("order").state = OrderState::Fulfilled;
    assert!(plan_batch(&[expire(1), cancel(1)], paid, at(400)).committed.is_empty());
}

#[test]
fn a_command_that_lay_too_long_is_an_expired_order_and_takes_nothing() {
    let late = queued_submit(submit(1, &[(0, 1)]));
    let plan = plan_batch(std::slice::from_ref(&late), found(&[(4, 4)]), at(300));
    assert_eq!(plan.placed, [(submit(1, &[(0, 1)]), OrderState::Expired)]);
    assert!(plan.rejected.is_empty() && plan.committed.is_empty());
    assert_eq!(plan.settlements[&shard(0)].returned, [id(1)]);
    assert_eq!(
        plan.events.iter().map(|(event, _)| event.name()).collect::<Vec<_>>(),
        ["placed", "expired"]
    );

    let rejected = HashMap::from([(id(1), RejectReason::SoldOut)]);
    let plan = plan_batch(&[late], BatchState { rejected, ..found(&[(4, 4)]) }, at(300));
    assert_eq!(
        plan.rejected,
        [(id(1), RejectReason::SoldOut)],
        "what was rejected in its time stays rejected"
    );
    assert!(plan.placed.is_empty());
}

#[test]
fn an_epoch_that_postgres_lost_is_taken_from_the_command() {
    let of = |n, epoch| {
        let mut submit = submit(n, &[(0, 1)]);
        submit.lines[0].epoch = epoch;
        queued_submit(submit)
    };
    let plan = plan_batch(&[of(1, 5), of(2, 7), of(3, 6)], found(&[(10, 0)]), at(1));
    assert_eq!(plan.placed.len(), 2);
    assert_eq!(plan.rejected, [(id(3), RejectReason::StaleEpoch)]);
    assert_eq!(
        (&plan.epochs, &plan.committed),
        (&BTreeMap::from([(shard(0), 7)]), &BTreeMap::from([(shard(0), 2)]))
    );
    assert_eq!(plan.settlements[&shard(0)].epoch, 7);
}

fn refund(n: u128) -> QueuedCommand {
    queued(Command::Refund(EndOrder { order: id(n) }))
}

/// Order 1 of two tickets, paid, and costing so much.
fn paid(amount_minor: i64) -> BatchState {
    let start = found(&[(4, 0)]);
    let mut paid =
        written(start.clone(), &plan_batch(&[queued_submit(submit(1, &[(0, 2)]))], start, at(1)));
    let known = paid.orders.get_mut(&id(1)).expect("order");
    (known.state, known.amount.minor) = (OrderState::Fulfilled, amount_minor);
    paid
}

#[test]
fn a_refund_gives_stock_back_once_and_waits_for_the_money() {
    let plan = plan_batch(&[refund(1), refund(1)], paid(100), at(400));
    assert_eq!(plan.ended, [(id(1), OrderState::RefundPending)]);
    assert_eq!((plan.refunded.as_slice(), plan.committed[&shard(0)]), ([id(1)].as_slice(), 0));
    assert_eq!(plan.settlements[&shard(0)].freed, 2);
    assert!(plan.events.is_empty(), "it is told when the money is back");
}

#[test]
fn a_refund_of_nothing_is_done_at_once() {
    let plan = plan_batch(&[refund(1)], paid(0), at(400));
    assert_eq!(plan.ended, [(id(1), OrderState::Refunded)]);
    assert!(matches!(plan.events.as_slice(), [(OrderEvent::Refunded(_), _)]));
}

#[test]
fn what_cannot_be_refunded_is_answered_and_stays() {
    let start = found(&[(4, 0)]);
    let placed =
        written(start.clone(), &plan_batch(&[queued_submit(submit(1, &[(0, 2)]))], start, at(1)));
    let plan = plan_batch(&[refund(1), refund(2)], placed, at(2));
    assert_eq!(plan.answered, [id(1), id(2)]);
    assert!(plan.ended.is_empty() && plan.refunded.is_empty() && plan.committed.is_empty());
}

fn any_command() -> impl Strategy<Value = QueuedCommand> {
    let lines = prop::collection::btree_map(0..3i32, 1..4i32, 1..3);
    let submit = (0..12u128, lines, 4..6i64).prop_map(|(n, lines, epoch)| {
        let mut submit = submit(n, &lines.into_iter().collect::<Vec<_>>());
        for line in &mut submit.lines {
            line.epoch = epoch;
        }
        queued_submit(submit)
    });
    prop_oneof![4 => submit, 1 => (0..12u128).prop_map(cancel), 1 => (0..12u128).prop_map(expire)]
}

proptest! {
    /// However commands come and wherever batches are cut: committed stock is what orders keep, and
    /// never more than there is.
    #[test]
    fn stock_is_what_orders_keep(commands in prop::collection::vec(any_command(), 0..60), cut in 1..20usize, late: bool) {
        let mut found = found(&[(6, 0), (3, 0), (9, 0)]);
        for batch in commands.chunks(cut) {
            let plan = plan_batch(batch, found.clone(), at(if late { 400 } else { 1 }));
            for (shard, settlement) in &plan.settlements {
                let accepted: i32 = settlement.accepted.iter().map(|(_, quantity)| quantity).sum();
                let before = found.stock[shard].committed;
                let after = plan.committed.get(shard).copied().unwrap_or(before);
                prop_assert_eq!(after, before + accepted - settlement.freed);
            }
            found = written(found, &plan);
        }
        for (shard, stock) in &found.stock {
            let kept: i32 = found.orders.values().filter(|known| known.state.keeps_stock())
                .flat_map(|known| &known.lines).filter(|(line, _)| line == shard).map(|(_, quantity)| quantity).sum();
            prop_assert_eq!(stock.committed, kept);
            prop_assert!(stock.committed <= stock.allotted);
        }
    }

    /// Reading the same records again changes nothing.
    #[test]
    fn redelivery_changes_nothing(commands in prop::collection::vec(any_command(), 0..40)) {
        let placements: Vec<QueuedCommand> =
            commands.into_iter().filter(|queued| matches!(queued.command, Command::Submit(_))).collect();
        let start = found(&[(6, 0), (3, 0), (9, 0)]);
        let first = written(start.clone(), &plan_batch(&placements, start, at(1)));
        let accepted: Vec<QueuedCommand> = placements.into_iter()
            .filter(|queued| matches!(&queued.command, Command::Submit(submit) if first.orders.contains_key(&submit.order)))
            .collect();
        let again = plan_batch(&accepted, first, at(1));
        prop_assert!(again.placed.is_empty() && again.committed.is_empty() && again.events.is_empty());
    }
}
