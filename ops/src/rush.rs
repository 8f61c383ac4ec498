//! `fairgate rush`: bots that behave like fans, over HTTP, on a fresh sale of a running system.
//!
//! The sale is made through the crates' contracts; everything a fan does goes over HTTP. Afterwards
//! what the fans were told is compared with what Kafka and Postgres hold.
//!
//! Reading order: [`plan`] draws what each fan will do; [`crowd`] lets them join and keeps those
//! who wait in [`mod@line`]; [`fan`], [`pages`] and [`buyer`] do it through [`api`], which gives
//! [`answers`], with what all share in [`shop`]; a call is timed over its [`attempts`]. [`tally`]
//! counts, [`refusal`] and [`books`] know which refusals the rules explain. [`measure`] works out
//! pace, overtaking and the cap, [`score`] and [`returns`] how true and how soon it was what fans
//! were told, [`check`] collects it, [`verdict`] judges, [`summary`] and [`table`] tell.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::time::Instant;

use crate::settings::Stores;

pub mod answers;
pub mod api;
pub mod args;
mod attempts;
mod books;
mod buyer;
mod check;
mod course;
mod crowd;
mod fan;
mod head;
mod line;
pub mod measure;
mod pages;
pub mod plan;
mod progress;
mod refusal;
mod returns;
mod sale;
mod score;
mod shop;
pub mod summary;
mod table;
pub mod tally;
mod usage;
mod verdict;
mod watch;

use api::Api;
pub use args::{RushArgs, Shares, Struck};
use course::{Course, Ended};
use plan::Leaves;
use shop::Shop;
use summary::Summary;

/// Late fans who join at once when tickets come back after everybody has left.
const LATE_AT_ONCE_MAX: u32 = 20;
const LATE_FANS_MAX: u32 = 1000;

/// Makes a sale, sends the fans, and tells how it went.
///
/// # Errors
/// A system that is not there, or a sale that did not go as it must; what it was is in the summary.
pub async fn run(args: RushArgs) -> anyhow::Result<()> {
    args.validate()?;
    let api = Api::new(api::target(args.url.as_deref())?)?;
    api.await_up(Duration::from_secs(15)).await?;
    let summary = rehearse(&Stores::from_env()?, &args, api).await?;
    table::print(&summary, args.json)?;
    if summary.faults.is_empty() { Ok(()) } else { bail!("{}", summary.faults.join("; ")) }
}

/// Makes a sale, sends the fans, and sums up. The sale's room is closed afterwards.
///
/// # Errors
/// A server away.
pub async fn rehearse(stores: &Stores, args: &RushArgs, api: Api) -> anyhow::Result<Summary> {
    let sale = sale::make(stores, args).await.context("making the sale")?;
    let made = sale.clone();
    let outcome = rush(stores, args, api, sale).await;
    // Whatever happened, the line of a rehearsal does not stay open.
    if let Err(error) = sale::close(stores, &made).await {
        tracing::warn!(
            error = format!("{error:#}"),
            room = %made.room,
            "the rush's room was not closed"
        );
    }
    outcome
}

async fn rush(
    stores: &Stores,
    args: &RushArgs,
    api: Api,
    sale: sale::Sale,
) -> anyhow::Result<Summary> {
    sale::await_open(&api, &sale).await?;
    sale::await_stock(stores, &sale).await?;
    let began = Instant::now();
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let shop = Arc::new(Shop::new(api, sale, args.clone(), seed));
    let progress = progress::start(shop.clone(), args.fans);
    let drawn = draw_when_joined(stores, &shop);
    let (mut ended, drawn) = tokio::join!(crowd::send(&shop, 0..args.fans), drawn);
    drawn.context("having the draw made")?;
    let wanted = wanted(&shop);
    let mut late_fans = 0;
    if wanted >= i64::from(args.tickets) && args.ends_after.is_none() {
        while ended == Ended::All && late_fans < LATE_FANS_MAX && some_left(stores, &shop).await {
            let first = args.fans + late_fans;
            let more = shop.left().unsigned_abs().min(LATE_AT_ONCE_MAX);
            late_fans += more;
            ended = crowd::send(&shop, first..first + more).await;
        }
    }
    progress.stop().await;
    let wall = began.elapsed();
    let found = check::collect(stores, &shop).await.context("checking what was acknowledged")?;
    let course = Course { seed, wanted, late_fans: late_fans.into(), wall, ended };
    Ok(Summary::new(&shop, &found, &course))
}

/// Has the draw made once everybody has joined.
async fn draw_when_joined(stores: &Stores, shop: &Shop) -> anyhow::Result<()> {
    while shop.args.draw && Instant::now() < shop.deadline {
        if shop.all_joined.load(Ordering::Relaxed) {
            return sale::draw(stores, &shop.sale, shop.args.entropy_after).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Tickets wanted by fans who meant to buy.
fn wanted(shop: &Shop) -> i64 {
    let buys = |leaves: Option<Leaves>| leaves.is_none();
    let plans = (0..shop.args.fans).map(|number| shop.plan(number));
    plans.filter(|plan| buys(plan.leaves)).map(|plan| i64::from(plan.wants)).sum()
}

/// Whether tickets are left although everybody is done.
async fn some_left(stores: &Stores, shop: &Shop) -> bool {
    // A fan who stopped looking before the tickets came has not counted them.
    let sold = check::tickets(&stores.pool, &shop.sale.show).await;
    shop.left() > 0 && sold.is_ok_and(|sold| sold < i64::from(shop.sale.tickets))
}
