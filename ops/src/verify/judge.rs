//! All checks, on one snapshot. Pure.

mod line;

use super::{orders, report::Report, snapshot::Snapshot, stock};

/// What holds and what does not.
pub fn judge(snapshot: &Snapshot) -> Report {
    let mut report = Report::default();
    judge_stock(snapshot, &mut report);
    judge_orders(snapshot, &mut report);
    judge_payments(snapshot, &mut report);
    line::judge_log(snapshot, &mut report);
    line::judge_heads(snapshot, &mut report);
    line::judge_waiting(snapshot, &mut report);
    line::judge_sessions(snapshot, &mut report);
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

/// 2. Holds, passes, orders and sessions fit together.
fn judge_orders(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { orders, sessions, .. } = snapshot;
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
}

/// Tickets are paid for, and money that came in has an end.
fn judge_payments(snapshot: &Snapshot, report: &mut Report) {
    let Snapshot { orders, bought, payments, codes, .. } = snapshot;
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
