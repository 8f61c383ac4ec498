//! Payments: starting one for an order, and acting on what the provider says about it.
//!
//! Money is believed only when a signed webhook says so. No lock and no transaction is held across
//! a call to a provider.

use kit::{http::RequestId, serve::Tasks};
use uuid::Uuid;

use crate::{App, error::Error, order::state::State, store::payment as store};

pub mod config;
pub mod decision;
pub mod provider;
pub mod refund;
pub mod refund_request;
pub mod sandbox;
pub mod settle;

pub use config::{Config, generate_webhook_secret, webhook_secret};
pub use provider::{Fault, Provider};
pub use settle::{Settled, settle};

/// Gives money back that is owed.
pub fn run(app: &App, tasks: &Tasks) {
    refund::start(app.clone(), tasks);
}

/// Makes sure that a placed order can be paid: asks the provider for a payment and notes where the
/// fan pays. An order that costs nothing is fulfilled at once. An order in any other state is left
/// as it is.
///
/// # Errors
/// `payment-provider-away` where the provider does not answer; calling again is safe.
pub async fn ensure_started(app: &App, order: Uuid, request: &RequestId) -> Result<(), Error> {
    let Some(payable) = store::load(&app.pool, order).await? else {
        return Err(Error::OrderUnknown);
    };
    if payable.state != State::Placed || payable.payment_intent.is_some() {
        return Ok(());
    }
    if payable.amount_minor == 0 {
        return settle::fulfil_free(app, order, request).await;
    }
    let description = match catalog::contract::show(&app.pool, &payable.show).await? {
        Some(show) => show.title,
        None => payable.show,
    };
    let asked = provider::Order {
        order_id: order,
        amount_minor: payable.amount_minor,
        currency: &payable.currency,
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

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Away(cause) => Self::PaymentProviderAway(cause),
            Fault::Refused(_) => Self::Internal(anyhow::Error::new(fault)),
        }
    }
}
