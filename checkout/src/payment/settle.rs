//! Acting on a provider's event, each in one transaction with the note that it was acted upon.

use chrono::Utc;
use kit::http::RequestId;
use sqlx::PgConnection;

use crate::{
    App,
    error::Error,
    order::{
        OrderId,
        event::{OrderEvent, OrderEventData},
    },
    payment::{
        WebhookEvent, WebhookEventKind,
        decision::{ArrivedPayment, ExpectedPayment, PaymentDecision, RefundReason, on_money},
        refund::repay as refund,
    },
    session::end,
    store::{self, payment::Payable},
    ticket,
};

/// What became of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentOutcome {
    Fulfilled,
    FaultNoted,
    RefundOwed,
    Refunded,
    /// It was known, or too late to matter.
    Nothing,
}

impl PaymentOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Fulfilled => "fulfilled",
            Self::FaultNoted => "fault_noted",
            Self::RefundOwed => "refund_owed",
            Self::Refunded => "refunded",
            Self::Nothing => "nothing",
        }
    }
}

/// Acts on a provider's event, once however often it comes.
///
/// # Errors
/// `order-unknown` for an order this system never had: the provider keeps the event and tells
/// again.
pub async fn settle(
    app: &App,
    provider: &str,
    event: &WebhookEvent,
    request: &RequestId,
) -> Result<PaymentOutcome, Error> {
    let mut tx = app.pool.begin().await?;
    if !store::payment::see(&mut tx, provider, &event.webhook_id).await? {
        return Ok(PaymentOutcome::Nothing);
    }
    let Some(order) = store::payment::lock(&mut tx, event.order_id).await? else {
        let (order, kind) = (event.order_id, &event.kind);
        tracing::error!(%order, ?kind, "news of a payment for an order that is not here");
        return Err(Error::OrderUnknown);
    };
    let settled = match &event.kind {
        WebhookEventKind::Paid => on_paid(&mut tx, &order, event, request).await?,
        WebhookEventKind::Failed(fault) => {
            let noted =
                store::payment::failed(&mut tx, order.order_id, &event.intent, fault).await?;
            if noted { PaymentOutcome::FaultNoted } else { PaymentOutcome::Nothing }
        }
        WebhookEventKind::Refunded => {
            let done = refund::note(&mut tx, &event.intent, request).await?;
            if done { PaymentOutcome::Refunded } else { PaymentOutcome::Nothing }
        }
    };
    tx.commit().await?;
    after(app, &order, settled).await;
    Ok(settled)
}

async fn on_paid(
    tx: &mut PgConnection,
    order: &Payable,
    event: &WebhookEvent,
    request: &RequestId,
) -> Result<PaymentOutcome, Error> {
    let expected = ExpectedPayment {
        state: order.state,
        amount: order.amount,
        intent: order.payment_intent.as_deref(),
    };
    let arrived = ArrivedPayment { intent: &event.intent, amount: event.amount() };
    match on_money(expected, arrived) {
        PaymentDecision::Fulfil => {
            fulfil(tx, order, Some(&event.intent), request).await?;
            Ok(PaymentOutcome::Fulfilled)
        }
        PaymentDecision::Refund(reason) => owe(tx, order, event, reason).await,
        PaymentDecision::Nothing => Ok(PaymentOutcome::Nothing),
    }
}

/// Marks a locked order paid, issues its tickets and writes the event.
async fn fulfil(
    tx: &mut PgConnection,
    order: &Payable,
    intent: Option<&str>,
    request: &RequestId,
) -> Result<(), Error> {
    let now = Utc::now();
    let lines = store::ticket::lines(tx, order.order_id).await?;
    let drafts = ticket::drafts(&lines, rand::random);
    store::payment::fulfil(tx, order.order_id, intent, now).await?;
    store::ticket::issue(tx, order.order_id, &order.show, &drafts, now).await?;
    let data = OrderEventData {
        order: order.order_id,
        show: order.show.clone(),
        amount: order.amount,
        at: now,
    };
    store::outbox::add(tx, &OrderEvent::Paid(data), request).await?;
    Ok(())
}

async fn owe(
    tx: &mut PgConnection,
    order: &Payable,
    event: &WebhookEvent,
    reason: RefundReason,
) -> Result<PaymentOutcome, Error> {
    tracing::warn!(
        order = %order.order_id,
        state = %order.state,
        reason = reason.name(),
        "money goes back"
    );
    metrics::counter!("fairgate_refunds_owed_total", "reason" => reason.name()).increment(1);
    let (order_id, intent) = (order.order_id, event.intent.as_str());
    if !store::payment::owe(tx, order_id, intent, event.amount_minor, reason.name()).await? {
        tracing::error!(order = %order_id, "an order already refunded received money again");
        return Ok(PaymentOutcome::Nothing);
    }
    if reason == RefundReason::OrderGone {
        store::payment::await_refund(tx, order_id, intent, Utc::now()).await?;
    }
    Ok(PaymentOutcome::RefundOwed)
}

/// Fulfils an order with nothing to pay.
pub(super) async fn fulfil_free(
    app: &App,
    order: OrderId,
    request: &RequestId,
) -> Result<(), Error> {
    let mut tx = app.pool.begin().await?;
    let Some(order) = store::payment::lock(&mut tx, order).await? else {
        return Err(Error::OrderUnknown);
    };
    if !order.state.is_unpaid() || order.amount.minor != 0 {
        return Ok(());
    }
    fulfil(&mut tx, &order, None, request).await?;
    tx.commit().await?;
    after(app, &order, PaymentOutcome::Fulfilled).await;
    Ok(())
}

/// What follows once it is true: the fan who bought leaves checkout to the next one.
async fn after(app: &App, order: &Payable, settled: PaymentOutcome) {
    metrics::counter!("fairgate_payments_settled_total", "outcome" => settled.name()).increment(1);
    if settled != PaymentOutcome::Fulfilled {
        return;
    }
    app.stock_words.watch([order.show.clone()], app.config.hold_ttl);
    if let Err(error) = end::end(app, order.session).await {
        // The session ends by itself at its expiry.
        tracing::warn!(?error, "a session was not ended after its order was paid");
    }
}
