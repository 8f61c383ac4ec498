//! The background work of each role.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};
use kit::serve::Tasks;
use sqlx::PgPool;

use crate::{
    App,
    order::{command_log, event::ORDER_EVENTS, expiry::ExpirySweep, link, waiters, writer},
    payment::refund::{repay, request::RefundRequests},
    session::signal::{probe, room_words::RoomWords, stock_words},
    session::{gate_reconciler::GateReconciler, idle},
    stock::{allotment::consumer as allotment_consumer, reconciler::Reconciler},
    store::{self, outbox::OUTBOX},
};

const RECONCILE: Duration = Duration::from_secs(1);
const SWEEP: Duration = Duration::from_secs(1);
const REFUND: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_millis(25);
/// Well within the three seconds for which a word is good.
const PROBE: Duration = Duration::from_millis(500);
const WORDS: Duration = Duration::from_millis(250);
/// Whoever looks at a show is to see within a second or so that it is sold out.
const STOCK_WORDS: Duration = Duration::from_millis(500);
const COUNT: Duration = Duration::from_secs(5);
const FORGET: Duration = Duration::from_secs(3600);
/// Callers ask again within minutes; but as long as a command is in the log it may be read again,
/// and what was rejected is to stay rejected.
const REJECTIONS_KEPT_HOURS: i32 = 8 * 24;

/// Starts what the checkout role does besides answering: keeping Redis true, ending unpaid orders,
/// giving money back that is owed, and waking requests that wait for a writer elsewhere.
pub async fn run_api(app: App, tasks: Tasks) {
    let ensuring = app.clone();
    let stop = tasks.stop();
    tasks.spawn(async move {
        let ensure = || command_log::ensure_topic(&ensuring.kafka, ensuring.command_log.partitions);
        let pauses = ExponentialBuilder::default()
            .with_max_delay(Duration::from_secs(5))
            .without_max_times();
        tokio::select! {
            () = stop.cancelled() => {}
            _ = ensure.retry(pauses) => {}
        }
    });
    let (stock, stock_app) = (Arc::new(Reconciler::default()), app.clone());
    tasks.every("keep stock", RECONCILE, move || {
        let (reconciler, app) = (Arc::clone(&stock), stock_app.clone());
        async move { reconciler.round(&app).await }
    });
    let (gates, gates_app) = (Arc::new(GateReconciler::default()), app.clone());
    tasks.every("keep gates", RECONCILE, move || {
        let (reconciler, app) = (Arc::clone(&gates), gates_app.clone());
        async move { reconciler.round(&app).await }
    });
    let (sweep, sweep_app) = (Arc::new(ExpirySweep::default()), app.clone());
    tasks.every("end unpaid orders", SWEEP, move || {
        let (sweep, app) = (Arc::clone(&sweep), sweep_app.clone());
        async move { sweep.round(&app).await }
    });
    let (requests, requests_app) = (Arc::new(RefundRequests::default()), app.clone());
    tasks.every("refund orders", REFUND, move || {
        let (requests, app) = (Arc::clone(&requests), requests_app.clone());
        async move { requests.round(&app).await }
    });
    let look_app = app.clone();
    tasks.every("look for outcomes", LOOK, move || {
        let app = look_app.clone();
        async move { waiters::look(&app).await }
    });
    let owed_app = app.clone();
    tasks.every("count refunds", COUNT, move || {
        let app = owed_app.clone();
        async move {
            let (waiting, failing) = store::refund::count(&app.pool).await?;
            metrics::gauge!("fairgate_refunds_owed", "state" => "waiting").set(waiting as f64);
            metrics::gauge!("fairgate_refunds_owed", "state" => "failing").set(failing as f64);
            Ok(())
        }
    });
    let (words, words_app) = (Arc::new(RoomWords::default()), app.clone());
    tasks.every("tell the line how it goes", WORDS, move || {
        let (words, app) = (Arc::clone(&words), words_app.clone());
        async move { words.round(&app).await }
    });
    tell_of_process(&app, &tasks, true);
    let idle_app = app.clone();
    tasks.every("end idle sessions", SWEEP, move || {
        let app = idle_app.clone();
        async move { idle::sweep(&app).await }
    });
    repay::start(app, &tasks);
}

/// Says twice a second what this process does, until it takes no more requests, and what is left of
/// shows. One that answers fans says whether it redeems their passes.
fn tell_of_process(app: &App, tasks: &Tasks, answers: bool) {
    if app.tells.swap(true, Ordering::Relaxed) {
        return;
    }
    let stocks = app.clone();
    tasks.every("tell the catalog what is left", STOCK_WORDS, move || {
        let app = stocks.clone();
        async move { stock_words::round(&app).await }
    });
    let (app, stop, draining) = (app.clone(), tasks.stop(), tasks.draining());
    tasks.spawn(async move {
        let mut failing = false;
        loop {
            match probe::tell(&app, answers).await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(error = format!("{error:#}"), "the line is told nothing");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = draining.cancelled() => break,
                () = tokio::time::sleep(PROBE) => {}
            }
        }
        probe::leave(&app).await;
    });
}

/// Starts the order writer, the relay of order events, and what keeps stock true to the catalog's
/// allotments. `pool` is for writer and relay: a crowd of requests must not keep them waiting, for
/// it waits for them.
pub async fn run_writer(app: App, pool: PgPool, tasks: Tasks) {
    let (counting, kafka, stop) = (app.pool.clone(), app.kafka.clone(), tasks.stop());
    tasks.every("count waiting events", COUNT, move || {
        let pool = counting.clone();
        async move {
            metrics::gauge!("fairgate_outbox_depth").set(OUTBOX.depth(&pool).await? as f64);
            Ok(())
        }
    });
    let forgetting = app.pool.clone();
    tasks.every("forget old rejections", FORGET, move || {
        let pool = forgetting.clone();
        async move { Ok(store::writer::forget_rejections(&pool, REJECTIONS_KEPT_HOURS).await?) }
    });
    let links = app.pool.clone();
    tasks.every("forget useless links", FORGET, move || {
        let pool = links.clone();
        async move { Ok(link::forget_useless_links(&pool).await?) }
    });
    let processes = app.clone();
    tasks.every("forget processes", FORGET, move || {
        let app = processes.clone();
        async move { probe::forget(&app).await }
    });
    app.writer_clock.start();
    tell_of_process(&app, &tasks, false);
    tasks.spawn(allotment_consumer::run(app.clone(), stop.clone()));
    tasks.spawn(writer::run(app, pool.clone(), stop.clone()));
    tasks.spawn(kit::outbox::run(OUTBOX, pool, kafka, ORDER_EVENTS, stop));
}
