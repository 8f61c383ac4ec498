//! `fairgate rush`: bots that behave like fans, over HTTP, on a fresh sale of a running system.
//!
//! The sale is made through the crates' contracts; everything a fan does goes over HTTP. Afterwards
//! what the fans were told is compared with what Kafka and Postgres hold.
//!
//! Reading order: [`plan`] draws what each fan will do, [`fan`] and [`buyer`] do it through
//! [`api`] with what all share in [`shop`], [`tally`] counts, [`measure`] works out pace,
//! overtaking and the cap, [`check`] gathers what they need, [`summary`] tells.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{task::JoinSet, time::Instant};

use crate::{settings::Stores, signal::told_to_end};

pub mod api;
mod args;
mod buyer;
mod check;
mod fan;
pub mod measure;
pub mod plan;
mod progress;
mod sale;
mod shop;
mod summary;
pub mod tally;

use api::Api;
pub use args::RushArgs;
use plan::Plan;
use shop::Shop;
use summary::Ended;

/// Late fans who join at once when tickets come back after everybody has left.
const LATE_AT_ONCE_MAX: i32 = 20;
const LATE_FANS_MAX: u64 = 1000;

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
