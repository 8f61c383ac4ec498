//! The background work of each role.

use std::{sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use kit::serve::Tasks;
use sqlx::PgPool;

use crate::{
    App,
    order::{command_log, event::ORDER_EVENTS, expiry::ExpirySweep, link, waiters, writer},
    payment::refund::{repay, request::RefundRequests},
    session::gate_reconciler::GateReconciler,
    stock::{allotment::consumer as allotment_consumer, reconciler::Reconciler},
    store::{self, outbox::OUTBOX},
};

const RECONCILE: Duration = Duration::from_secs(1);
const SWEEP: Duration = Duration::from_secs(1);
const REFUND: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_millis(25);
const COUNT: Duration = Duration::from_secs(5);
const FORGET: Duration = Duration::from_secs(3600);
/// Callers ask again within minutes; but as long as a command is in the log it may be read again,
/// and what was refused is to stay refused.
const REFUSALS_KEPT_HOURS: i32 = 8 * 24;

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
    repay::start(app, &tasks);
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
    tasks.every("forget old refusals", FORGET, move || {
        let pool = forgetting.clone();
        async move { Ok(store::writer::forget_refusals(&pool, REFUSALS_KEPT_HOURS).await?) }
    });
    let links = app.pool.clone();
    tasks.every("forget useless links", FORGET, move || {
        let pool = links.clone();
        async move { Ok(link::forget_useless_links(&pool).await?) }
    });
    tasks.spawn(allotment_consumer::run(app.clone(), stop.clone()));
    tasks.spawn(writer::run(app, pool.clone(), stop.clone()));
    tasks.spawn(kit::outbox::run(OUTBOX, pool, kafka, ORDER_EVENTS, stop));
}
