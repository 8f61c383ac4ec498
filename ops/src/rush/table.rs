//! The summary as people read it, or programs.

use super::{
    check::Lost,
    returns::Returned,
    score::{ChanceScore, WaitScore},
    summary::Summary,
    tally::Quantiles,
};
use crate::print_result;

/// Prints it on standard output.
///
/// # Errors
/// None that is known: a summary is plain JSON.
pub fn print(summary: &Summary, json: bool) -> anyhow::Result<()> {
    print_result(&if json { serde_json::to_string(summary)? } else { table(summary) });
    Ok(())
}

fn table(summary: &Summary) -> String {
    let mut rows = rows(summary);
    let verdict = if summary.ok { "ok".to_owned() } else { summary.faults.join("; ") };
    rows.push(("verdict", verdict));
    rows.iter().map(|(name, text)| format!("{name:<12}{text}")).collect::<Vec<_>>().join("\n")
}

/// A name and a text for each line, but for the verdict.
fn rows(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut rows = sale(summary);
    rows.extend(line(summary));
    rows.extend(told(summary));
    let Lost { joins, orders, payments } = summary.lost;
    let refused = summary.orders_refused_later;
    rows.push((
        "lost",
        format!("{joins} joins, {orders} orders, {payments} payments; {refused} refused later"),
    ));
    let bots = summary.bots;
    rows.push((
        "bots",
        format!(
            "{:.1} s of processor time, {:.0} MB; kept their own calls waiting: {}",
            bots.cpu_secs,
            bots.memory_max_mb,
            ms(summary.latency_ms.queued)
        ),
    ));
    rows.push(("time", format!("{:.1} s", summary.wall_seconds)));
    let answered = summary.errors.iter();
    rows.extend(answered.map(|(kind, count)| ("answered", format!("{count} × {kind}"))));
    rows
}

fn sale(summary: &Summary) -> Vec<(&'static str, String)> {
    let late = match summary.late_fans {
        0 => String::new(),
        late => format!(", and {late} late ones"),
    };
    let Summary { turns_lost, absent, left_line, sold_out_in_line, .. } = summary;
    vec![
        ("sale", format!("{} (seed {})", summary.show, summary.seed)),
        ("fans", format!("{}{late}; {} joined", summary.fans, summary.joined)),
        (
            "let in",
            format!(
                "{}; {} claimed, {absent} never came, {turns_lost} lost their turn",
                summary.admitted, summary.claimed
            ),
        ),
        ("left", format!("{left_line} on purpose; {sold_out_in_line} were told in line: sold out")),
        (
            "bought",
            format!("{} holds, {} orders, {} paid", summary.held, summary.ordered, summary.paid),
        ),
        (
            "tickets",
            format!(
                "{} of {}; {} fans saw none left in checkout",
                summary.tickets, summary.tickets_asked, summary.sold_out_seen
            ),
        ),
    ]
}

fn line(summary: &Summary) -> Vec<(&'static str, String)> {
    let rate = &summary.admit_rate;
    let measured =
        rate.measured.map_or_else(|| "too short to say".to_owned(), |rate| format!("{rate:.2}/s"));
    let settled = rate.settled.map_or_else(String::new, |settled| {
        format!(
            "; by the pace alone {:.1}/s of {:.1}/s over {:.0} s",
            settled.measured_per_sec, settled.told_per_sec, settled.secs
        )
    });
    let held = rate.held_by_cap.map_or_else(String::new, |held| {
        format!("; by the cap for {:.0} s with {:.0} inside", held.secs, held.active)
    });
    let latency = &summary.latency_ms;
    let order_settled = latency
        .order_settled_p99
        .map_or_else(String::new, |p99| format!("; p99 {p99} ms once the pace had settled"));
    vec![
        ("join", ms(latency.join)),
        ("claim", ms(latency.claim)),
        (
            "the door",
            format!(
                "{}; {} waited there, {} ms at most",
                ms(latency.redeem),
                summary.turned_away,
                summary.door_ms_max
            ),
        ),
        ("hold", ms(latency.hold)),
        ("order", format!("{}{order_settled}", ms(latency.order))),
        ("admit rate", format!("asked {}/s, measured {measured}{settled}{held}", rate.asked)),
        ("overtaking", format!("{} ms at most", summary.overtaking_ms_max)),
        ("cap", format!("{}; exceeded {} times", summary.cap, summary.cap_exceeded)),
    ]
}

fn told(summary: &Summary) -> Vec<(&'static str, String)> {
    let scores = &summary.scores;
    let ms = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
    let Returned { tickets, p50_ms, p99_ms, max_ms, awaited, let_in_p90_ms } = scores.returned;
    let ChanceScore { told, brier } = scores.chances;
    vec![
        ("waits told", waits(&scores.waits)),
        ("by place", waits(&scores.places)),
        (
            "chances",
            match brier {
                Some(brier) => format!("Brier score {brier:.3} of {told}"),
                None => "none were told".to_owned(),
            },
        ),
        ("sold out", format!("told in line {} after the last sale", ms(scores.sold_out.told_ms))),
        (
            "returned",
            format!(
                "{tickets} tickets; their next fan after p50 {}, p99 {}, max {}; of {awaited} that \
                    were waited for, nine in ten let somebody in after {}",
                ms(p50_ms),
                ms(p99_ms),
                ms(max_ms),
                ms(let_in_p90_ms)
            ),
        ),
    ]
}

fn waits(score: &WaitScore) -> String {
    let percent = |share: Option<f64>| {
        share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0))
    };
    format!(
        "{} of {} within; at 10, 50, 90 % of the wait {}, {}, {}; ranges ±{}",
        percent(score.within),
        score.scored,
        percent(score.within_at_10),
        percent(score.within_at_50),
        percent(score.within_at_90),
        percent(score.half_width)
    )
}

fn ms(quantiles: Quantiles) -> String {
    let text =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
    format!("p50 {} ms, p99 {} ms", text(quantiles.p50), text(quantiles.p99))
}
