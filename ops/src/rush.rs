//! `fairgate rush`: bots that behave like fans, over HTTP, on a fresh sale of a running system.
//!
//! The sale is made through the crates' contracts; everything a fan does goes over HTTP. Afterwards
//! what the fans were told is compared with what Kafka and Postgres hold.
//!
//! Reading order: [`plan`] draws what each fan will do, [`fan`] and [`buyer`] do it through
//! [`api`], [`tally`] counts, [`measure`] works out pace, overtaking and the cap, [`check`] gathers
//! what they need, [`summary`] tells.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use tokio::{task::JoinSet, time::Instant};

use crate::settings::Stores;

pub mod api;
mod buyer;
mod check;
mod fan;
pub mod measure;
pub mod plan;
mod progress;
mod sale;
mod summary;
pub mod tally;

use api::Api;
use fan::Shop;
use plan::Plan;

/// Late fans who join at once when tickets come back after everybody has left.
const LATE_AT_ONCE_MAX: i32 = 20;
const LATE_FANS_MAX: u64 = 1000;

#[derive(Debug, Clone, Args)]
pub struct RushArgs {
    /// Where the system is; FAIRGATE_PUBLIC_URL by default. Only this machine's own addresses are
    /// accepted.
    #[arg(long)]
    pub url: Option<String>,
    /// How many fans come.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub fans: u32,
    /// How many tickets there are.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(i32).range(1..=1_000_000))]
    pub tickets: i32,
    /// Fans let in per second.
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
    /// The share of fans who leave at some point without buying: before coming in, with tickets
    /// held, or with an order unpaid.
    #[arg(long, default_value_t = 0.1)]
    pub abandon: f64,
    /// Sessions in checkout at once; by default enough that the rate is what limits.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    pub max_active: Option<i32>,
    /// How long a fan who was let in may take to come, in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=86_400))]
    pub claim_window: i32,
    /// Lanes of the line.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(i32).range(1..=256))]
    pub lanes: i32,
    /// The time over which fans arrive, in seconds.
    #[arg(long, default_value_t = 5.0)]
    pub arrive: f64,
    /// The same seed draws the same fans.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the summary as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// When to give up, in seconds.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
}

impl RushArgs {
    /// The cap on sessions: the one asked for, or room for everybody who could be inside at this
    /// rate at once, as long as most leave within a dozen seconds.
    fn cap(&self) -> i32 {
        self.max_active.unwrap_or(((self.rate * 12.0).ceil() as i32).max(50))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            bail!("--rate must be above zero");
        }
        if !(0.0..=1.0).contains(&self.abandon) {
            bail!("--abandon is a share, from 0 to 1");
        }
        if !(0.0..=86_400.0).contains(&self.arrive) {
            bail!("--arrive is a time in seconds, up to a day");
        }
        Ok(())
    }
}

/// Makes a sale, sends the fans, and tells how it went.
///
/// # Errors
/// A system that is not there, or a sale that did not go as it must; what it was is in the summary.
pub async fn run(args: RushArgs) -> anyhow::Result<()> {
    args.validate()?;
    let api = Api::new(api::target(args.url.as_deref())?)?;
    let stores = Stores::from_env()?;
    api.await_up(Duration::from_secs(15)).await?;
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));

    let sale = sale::make(&stores, &args).await.context("making the sale")?;
    let made = sale.clone();
    let outcome = rush(&stores, &args, api, sale, seed).await;
    // Whatever happened, the line of a rehearsal does not stay open.
    if let Err(error) = sale::close(&stores, &made).await {
        tracing::warn!(
            error = format!("{error:#}"),
            room = made.room,
            "the rush's room was not closed"
        );
    }
    let summary = outcome?;
    summary.print(args.json)?;
    if summary.faults.is_empty() { Ok(()) } else { bail!("{}", summary.faults.join("; ")) }
}

async fn rush(
    stores: &Stores,
    args: &RushArgs,
    api: Api,
    sale: sale::Sale,
    seed: u64,
) -> anyhow::Result<summary::Summary> {
    sale::await_open(&api, &sale).await?;
    sale::await_stock(stores, &sale).await?;
    let began = Instant::now();
    let deadline = began + Duration::from_secs(args.timeout);
    let shop = Arc::new(Shop::new(api, sale, deadline));
    let progress = progress::start(shop.clone(), args.fans);

    let arrive = Duration::from_secs_f64(args.arrive);
    let plans: Vec<Plan> =
        (0..args.fans).map(|number| Plan::draw(seed, number, args.abandon, arrive)).collect();
    let wanted: i64 =
        plans.iter().filter(|plan| plan.leaves.is_none()).map(|plan| i64::from(plan.wants)).sum();
    let mut ended = Ended::of(send(&shop, plans).await);
    let mut late_fans = 0;
    if wanted >= i64::from(args.tickets) {
        while ended == Ended::All && shop.left() > 0 && late_fans < LATE_FANS_MAX {
            // A fan who stopped looking before the tickets came has not counted them.
            if check::tickets(&stores.pool, &shop.sale.show)
                .await
                .is_ok_and(|sold| sold >= i64::from(args.tickets))
            {
                break;
            }
            let plans: Vec<Plan> = (0..shop.left().min(LATE_AT_ONCE_MAX))
                .map(|_| {
                    late_fans += 1;
                    Plan::late(seed, args.fans + late_fans as u32)
                })
                .collect();
            ended = Ended::of(send(&shop, plans).await);
        }
    }
    progress.stop().await;
    let wall = began.elapsed();
    let found = check::gather(stores, &shop).await.context("checking what was acknowledged")?;
    Ok(summary::Summary::new(
        args,
        &shop,
        &found,
        &summary::Course { seed, wanted, late_fans, wall, ended },
    ))
}

/// How the fans' part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    All,
    TimedOut,
    Interrupted,
}

impl Ended {
    fn of(result: Result<(), Self>) -> Self {
        result.err().unwrap_or(Self::All)
    }
}

/// Lets fans live their lives, until all are done or the time is over.
async fn send(shop: &Arc<Shop>, plans: Vec<Plan>) -> Result<(), Ended> {
    let mut fans = JoinSet::new();
    for plan in plans {
        fans.spawn(fan::live(shop.clone(), plan));
    }
    let all = async {
        while let Some(done) = fans.join_next().await {
            if let Err(error) = done {
                shop.tally.fault("bot-failed");
                tracing::error!(%error, "a bot failed");
            }
        }
    };
    tokio::select! {
        () = all => Ok(()),
        () = tokio::time::sleep_until(shop.deadline) => Err(Ended::TimedOut),
        () = told_to_end() => Err(Ended::Interrupted),
    }
}

/// Resolves at Ctrl-C or SIGTERM.
pub(crate) async fn told_to_end() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => interrupt.await,
    }
}
