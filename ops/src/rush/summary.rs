//! How the rush went.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    args::RushArgs,
    check::{Found, Lost},
    shop::Shop,
    tally::{Quantiles, Timed},
};
use crate::print_result;

/// How the fans' part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    All,
    TimedOut,
    Interrupted,
}

impl Ended {
    pub fn of(result: Result<(), Self>) -> Self {
        result.err().unwrap_or(Self::All)
    }
}

/// What only the course of the rush tells.
pub struct Course {
    pub seed: u64,
    /// Tickets wanted by fans who meant to buy.
    pub wanted: i64,
    pub late_fans: u64,
    pub wall: Duration,
    pub ended: Ended,
}

#[derive(Debug, Clone, Serialize)]
pub struct Latencies {
    pub join: Quantiles,
    pub claim: Quantiles,
    pub hold: Quantiles,
    pub order: Quantiles,
}

#[derive(Debug, Clone, Serialize)]
pub struct AdmitRate {
    pub asked: f64,
    /// Over the longest stretch in which somebody waited; null where that was too short to say.
    pub measured: Option<f64>,
}

/// The summary; one JSON object.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub ok: bool,
    /// Why it is not ok, in sentences.
    pub faults: Vec<String>,
    pub show: String,
    pub room: String,
    pub seed: u64,
    pub fans: u32,
    pub late_fans: u64,
    pub joined: u64,
    pub admitted: i64,
    pub claimed: u64,
    pub window_missed: u64,
    pub held: u64,
    pub ordered: u64,
    pub paid: u64,
    pub tickets: i64,
    pub tickets_asked: i32,
    pub sold_out_seen: u64,
    pub latency_ms: Latencies,
    pub admit_rate: AdmitRate,
    pub overtaking_ms_max: i64,
    pub cap: i32,
    pub cap_exceeded: usize,
    /// Answers that were not what a fan hoped for, those that asking again mended included, by
    /// problem id.
    pub errors: BTreeMap<String, u64>,
    pub lost: Lost,
    pub wall_seconds: f64,
}

impl Summary {
    pub fn new(args: &RushArgs, shop: &Shop, found: &Found, course: &Course) -> Self {
        let counts = shop.tally.counts();
        let latency = |call| shop.tally.quantiles(call);
        let faults = faults(args, found, course);
        Self {
            ok: faults.is_empty(),
            faults,
            show: shop.sale.show.clone(),
            room: shop.sale.room.clone(),
            seed: course.seed,
            fans: args.fans,
            late_fans: course.late_fans,
            joined: counts.joined,
            admitted: found.admitted,
            claimed: counts.claimed,
            window_missed: counts.window_missed,
            held: counts.held,
            ordered: counts.ordered,
            paid: counts.paid,
            tickets: found.tickets,
            tickets_asked: args.tickets,
            sold_out_seen: counts.sold_out_seen,
            latency_ms: Latencies {
                join: latency(Timed::Join),
                claim: latency(Timed::Claim),
                hold: latency(Timed::Hold),
                order: latency(Timed::Order),
            },
            admit_rate: AdmitRate {
                asked: args.rate,
                measured: found.rate_measured.map(hundredths),
            },
            overtaking_ms_max: found.overtaking_ms_max,
            cap: args.cap(),
            cap_exceeded: found.cap_exceeded,
            errors: shop.tally.faults(),
            lost: found.lost,
            wall_seconds: hundredths(course.wall.as_secs_f64()),
        }
    }

    /// Prints it on standard output.
    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        print_result(&if json { serde_json::to_string(self)? } else { self.table() });
        Ok(())
    }

    fn table(&self) -> String {
        let ms = |quantiles: Quantiles| {
            let text = |value: Option<f64>| {
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
            };
            format!("p50 {} ms, p99 {} ms", text(quantiles.p50), text(quantiles.p99))
        };
        let late = if self.late_fans > 0 {
            format!(", and {} late ones", self.late_fans)
        } else {
            String::new()
        };
        let measured = self
            .admit_rate
            .measured
            .map_or_else(|| "too short to say".to_owned(), |rate| format!("{rate:.2}/s"));
        let Lost { joins, orders, payments } = self.lost;
        let mut rows = vec![
            ("sale", format!("{} (seed {})", self.show, self.seed)),
            ("fans", format!("{}{late}; {} joined", self.fans, self.joined)),
            (
                "let in",
                format!(
                    "{}; {} claimed, {} missed their turn",
                    self.admitted, self.claimed, self.window_missed
                ),
            ),
            ("bought", format!("{} holds, {} orders, {} paid", self.held, self.ordered, self.paid)),
            (
                "tickets",
                format!(
                    "{} of {}; {} fans saw none left",
                    self.tickets, self.tickets_asked, self.sold_out_seen
                ),
            ),
            ("join", ms(self.latency_ms.join)),
            ("claim", ms(self.latency_ms.claim)),
            ("hold", ms(self.latency_ms.hold)),
            ("order", ms(self.latency_ms.order)),
            ("admit rate", format!("asked {}/s, measured {measured}", self.admit_rate.asked)),
            ("overtaking", format!("{} ms at most", self.overtaking_ms_max)),
            ("cap", format!("{}; exceeded {} times", self.cap, self.cap_exceeded)),
            ("lost", format!("{joins} joins, {orders} orders, {payments} payments")),
            ("time", format!("{:.1} s", self.wall_seconds)),
        ];
        rows.extend(
            self.errors.iter().map(|(kind, count)| ("answered", format!("{count} × {kind}"))),
        );
        rows.push(("verdict", if self.ok { "ok".to_owned() } else { self.faults.join("; ") }));
        rows.iter().map(|(name, text)| format!("{name:<12}{text}")).collect::<Vec<_>>().join("\n")
    }
}

/// What must not have happened, in sentences.
fn faults(args: &RushArgs, found: &Found, course: &Course) -> Vec<String> {
    let tickets = i64::from(args.tickets);
    let mut faults = Vec::new();
    match course.ended {
        Ended::All => {}
        Ended::TimedOut => faults.push(format!("the fans were not done after {} s", args.timeout)),
        Ended::Interrupted => faults.push("the rush was interrupted".to_owned()),
    }
    if found.tickets > tickets {
        faults.push(format!("{} tickets were issued where {tickets} exist", found.tickets));
    } else if found.tickets < tickets && course.wanted >= tickets {
        faults.push(format!(
            "{} of {tickets} tickets were sold although fans wanted {}",
            found.tickets, course.wanted
        ));
    }
    if found.cap_exceeded > 0 {
        faults.push(format!("{} sessions opened above the cap", found.cap_exceeded));
    }
    let Lost { joins, orders, payments } = found.lost;
    for (count, what) in [(joins, "joins"), (orders, "orders"), (payments, "payments")] {
        if count > 0 {
            faults.push(format!("{count} acknowledged {what} were lost"));
        }
    }
    faults
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: RushArgs,
    }

    fn faults_of(tickets: i64, change: impl FnOnce(&mut Found, &mut Course)) -> Vec<String> {
        let args = Cli::parse_from(["rush", "--fans", "10", "--tickets", "5"]).args;
        let mut found = Found {
            admitted: 10,
            rate_measured: None,
            overtaking_ms_max: 0,
            cap_exceeded: 0,
            tickets,
            lost: Lost::default(),
        };
        let mut course = Course {
            seed: 1,
            wanted: 20,
            late_fans: 0,
            wall: Duration::from_secs(1),
            ended: Ended::All,
        };
        change(&mut found, &mut course);
        faults(&args, &found, &course)
    }

    #[test]
    fn sold_out_with_nothing_lost_is_ok() {
        assert_eq!(faults_of(5, |_, _| {}), Vec::<String>::new());
        assert_eq!(
            faults_of(4, |_, course| course.wanted = 4),
            Vec::<String>::new(),
            "nobody wanted more"
        );
    }

    #[test]
    fn whatever_must_not_be_is_told() {
        assert_eq!(faults_of(4, |_, _| {}).len(), 1);
        assert_eq!(faults_of(6, |_, _| {}).len(), 1);
        assert_eq!(faults_of(5, |found, _| found.cap_exceeded = 1).len(), 1);
        assert_eq!(
            faults_of(5, |found, _| found.lost = Lost { joins: 1, orders: 2, payments: 3 }).len(),
            3
        );
        assert_eq!(faults_of(5, |_, course| course.ended = Ended::TimedOut).len(), 1);
    }
}
