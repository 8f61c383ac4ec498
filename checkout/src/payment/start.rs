//! Starting the payment of an order.

use kit::http::RequestId;

use crate::{
    App,
    error::Error,
    order::{OrderId, state::OrderState},
    payment::{PaymentRequest, provider::Provider, settle},
    store::payment as store,
};

/// Starts an order's payment. If that fails the order stays placed, and the next look at it tries
/// again.
pub async fn start_payment(app: &App, order: OrderId, request: &RequestId) {
    if let Err(error) = ensure_started(app, order, request).await {
        metrics::counter!("fairgate_payment_starts_failed_total").increment(1);
        tracing::warn!(%order, %error, request_id = request.0, "the payment was not started");
    }
}

/// Makes sure that a placed order can be paid: asks the provider for a payment and notes where the
/// fan pays. An order that costs nothing is fulfilled at once. An order in any other state is left
/// as it is.
///
/// # Errors
/// `payment-provider-away` where the provider does not answer; calling again is safe.
pub async fn ensure_started(app: &App, order: OrderId, request: &RequestId) -> Result<(), Error> {
    let Some(payable) = store::load(&app.pool, order).await? else {
        return Err(Error::OrderUnknown);
    };
    if payable.state != OrderState::Placed || payable.payment_intent.is_some() {
        return Ok(());
    }
    if payable.amount.minor == 0 {
        return settle::fulfil_free(app, order, request).await;
    }
    let description = match catalog::contract::show(&app.pool, &payable.show).await? {
        Some(show) => show.title,
        None => payable.show.into(),
    };
    let asked = PaymentRequest {
        order_id: order,
        amount: payable.amount,
        description: &description,
        // Without the link's secret: what the provider knows, its people and its logs know.
        return_url: &app.config.payment.public.join(&format!("/orders/{order}")),
    };
    let started = Provider::current(app).start(&asked).await?;
    // The order may have expired meanwhile. Then its payment stays unnoted, and money that comes
    // for it goes back.
    store::started(&app.pool, order, &started.intent, &started.pay_url).await?;
    Ok(())
}
