//! Looking for an order, written or not yet, on behalf of somebody who may see it.

use redis::AsyncCommands;

use crate::{
    App, Error,
    order::{Order, OrderId, Submission, WriterDecision},
    session::{SessionId, auth::Owner, seller},
    store,
};

fn pending_key(app: &App, order: OrderId) -> String {
    app.redis.key("order-pending", &order.to_string())
}

/// Notes that a session waits for an order, so that asking for it before it is written is answered
/// rightly.
pub async fn note_pending(app: &App, session: SessionId, order: OrderId) {
    let ttl_secs = app.config.order_ttl.as_secs().max(1);
    let noted: redis::RedisResult<()> =
        app.redis.connection().set_ex(pending_key(app, order), session.to_string(), ttl_secs).await;
    if let Err(error) = noted {
        tracing::debug!(%error, "an order that is not written yet will be unknown until it is");
    }
}

/// An order of this owner, written or not yet.
///
/// # Errors
/// `order-unknown`, also for orders of others; why it was refused, if it was.
pub async fn find(app: &App, owner: Owner, order: OrderId) -> Result<Submission, Error> {
    match own(app, owner, order).await {
        Err(Error::OrderUnknown) => {}
        found => return Ok(Submission::Order(Box::new(found?))),
    }
    let waiting: Option<String> = app.redis.connection().get(pending_key(app, order)).await?;
    let Some(session) = waiting.and_then(|waiting| waiting.parse::<SessionId>().ok()) else {
        return Err(Error::OrderUnknown);
    };
    let is_own = match owner {
        Owner::Session(own) => own == session,
        Owner::Reseller(reseller) => match store::session::load(&app.pool, session).await? {
            Some((_, session)) => {
                app.show_sellers.is_of(&app.pool, &session.show, reseller).await?
            }
            None => false,
        },
        Owner::Key(key) => seller::is_of_key(app, session, key).await?,
    };
    if !is_own {
        return Err(Error::OrderUnknown);
    }
    match store::order::decision(&app.pool, order).await? {
        WriterDecision::Rejected(reason) => Err(reason.into()),
        WriterDecision::Written => Ok(Submission::Order(Box::new(own(app, owner, order).await?))),
        WriterDecision::Pending => Ok(Submission::Pending(order)),
    }
}

/// A written order of this owner.
///
/// # Errors
/// `order-unknown`, also for orders of others.
pub async fn own(app: &App, owner: Owner, order: OrderId) -> Result<Order, Error> {
    let Some(found) = store::order::load(&app.pool, order).await? else {
        return Err(Error::OrderUnknown);
    };
    let is_own = match owner {
        Owner::Session(session) => found.session == session,
        Owner::Reseller(reseller) => {
            app.show_sellers.is_of(&app.pool, &found.show, reseller).await?
        }
        Owner::Key(key) => seller::is_of_key(app, found.session, key).await?,
    };
    if is_own { Ok(found) } else { Err(Error::OrderUnknown) }
}
