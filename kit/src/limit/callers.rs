//! Limits of routes where some callers are known by more than their address: those are counted by
//! who they are, so that a system that calls for many people is not one client among them;
//! everybody else is counted by address.
//!
//! Whoever recognises callers asks here, once a call. It must ask for a stranger before it spends
//! anything on finding out who that is, else made-up names would be free.

use std::{hash::Hash, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    http::Request,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use tower_governor::key_extractor::KeyExtractor;
use uuid::Uuid;

use super::{ClientAddress, Fields, Policy, refusal, too_fast};
use crate::serve::Tasks;

type Limiter<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// One policy's counts; cheap to clone, and a clone counts together with it.
pub(super) struct Counts<K: Hash + Eq + Clone> {
    limiter: Arc<Limiter<K>>,
    fields: Fields,
}

impl<K: Hash + Eq + Clone> Clone for Counts<K> {
    fn clone(&self) -> Self {
        Self { limiter: self.limiter.clone(), fields: self.fields.clone() }
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Counts<K> {
    pub(super) fn of(policy: Policy, tasks: &Tasks) -> Self {
        let quota = Quota::per_second(policy.per_second).allow_burst(policy.burst);
        let limiter = Arc::new(RateLimiter::keyed(quota).with_middleware());
        let forgetful: Arc<Limiter<K>> = limiter.clone();
        tasks.every("forget idle callers", Duration::from_secs(60), move || {
            forgetful.retain_recent();
            std::future::ready(Ok(()))
        });
        Self { limiter, fields: Fields::of(policy) }
    }

    pub(super) fn take(&self, key: &K) -> Result<Standing, Box<Response>> {
        match self.limiter.check_key(key) {
            Ok(left) => Ok(Standing(Some((self.fields.clone(), left.remaining_burst_capacity())))),
            Err(not_yet) => {
                let wait = not_yet.wait_time_from(DefaultClock::default().now());
                let mut response = too_fast(wait.as_secs()).into_response();
                self.fields.stand(response.headers_mut(), 0);
                Err(Box::new(response))
            }
        }
    }
}

/// The counts of callers that are known, whatever routes they call; cheap to clone.
#[derive(Clone)]
pub struct Known(Counts<Uuid>);

impl Known {
    /// Each known caller may call as fast as `policy` says.
    pub fn new(policy: Policy, tasks: &Tasks) -> Self {
        Self(Counts::of(policy, tasks))
    }
}

/// The counts of one group of routes: of known callers by who they are, of others by address.
#[derive(Clone)]
pub struct Callers {
    known: Known,
    strangers: Counts<IpAddr>,
    clients: ClientAddress,
}

impl Callers {
    /// `strangers` is for everybody who is not known, by address.
    pub fn new(known: Known, strangers: Policy, clients: &ClientAddress, tasks: &Tasks) -> Self {
        Self { known, strangers: Counts::of(strangers, tasks), clients: clients.clone() }
    }

    /// Counts a call of somebody who is known.
    ///
    /// # Errors
    /// The answer 429.
    pub fn known(&self, who: Uuid) -> Result<Standing, Box<Response>> {
        self.known.0.take(&who)
    }

    /// What a stranger is counted by.
    ///
    /// # Errors
    /// The answer 500, where the server does not tell where requests come from.
    pub fn address<T>(&self, request: &Request<T>) -> Result<IpAddr, Box<Response>> {
        self.clients.extract(request).map_err(|error| Box::new(refusal(error)))
    }

    /// Counts a call of somebody who is not known.
    ///
    /// # Errors
    /// The answer 429.
    pub fn stranger(&self, address: IpAddr) -> Result<Standing, Box<Response>> {
        self.strangers.take(&address)
    }
}

/// What a counted call leaves; the default is that of a call which nobody counts.
#[derive(Default)]
pub struct Standing(Option<(Fields, u32)>);

impl Standing {
    /// Tells it in the answer.
    pub fn announce(&self, response: &mut Response) {
        if let Some((fields, left)) = &self.0 {
            fields.stand(response.headers_mut(), left);
        }
    }

    /// Tells it behind what the answer tells already.
    pub(super) fn announce_too(&self, response: &mut Response) {
        if let Some((fields, left)) = &self.0 {
            fields.stand_too(response.headers_mut(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::SocketAddr};

    use axum::extract::ConnectInfo;

    use super::*;
    use crate::settings::Settings;

    #[tokio::test]
    async fn who_is_known_is_counted_by_who_they_are_and_others_by_address() {
        let env = HashMap::from([
            ("FAIRGATE_LIMIT_SELL_BURST".to_owned(), "3".to_owned()),
            ("FAIRGATE_LIMIT_BUY_BURST".to_owned(), "2".to_owned()),
        ]);
        let mut settings = Settings::new(&env);
        let sell = Policy::from_settings(&mut settings, "sell", 1, 1);
        let buy = Policy::from_settings(&mut settings, "buy", 1, 1);
        let clients = ClientAddress::from_settings(&mut settings);
        let tasks = Tasks::default();
        let known = Known::new(sell, &tasks);
        let callers = Callers::new(known.clone(), buy, &clients, &tasks);
        let elsewhere = Callers::new(known, buy, &clients, &tasks);

        let from = |address: [u8; 4]| {
            let mut request = Request::new(());
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 1))));
            callers.address(&request).expect("an address")
        };
        let (one, other) = (from([192, 0, 2, 1]), from([192, 0, 2, 2]));
        let taken = |outcome: Result<Standing, Box<Response>>| outcome.is_ok();
        assert_eq!([0; 3].map(|_| taken(callers.stranger(one))), [true, true, false]);
        assert!(taken(callers.stranger(other)) && taken(elsewhere.stranger(one)));
        let (ada, bert) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!([0; 3].map(|_| taken(callers.known(ada))), [true; 3]);
        let refused = *elsewhere.known(ada).err().expect("counted together");
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()["ratelimit"], "\"sell\";r=0;t=3");
        let mut answer = Response::default();
        callers.known(bert).unwrap_or_default().announce(&mut answer);
        assert_eq!(answer.headers()["ratelimit"], "\"sell\";r=2;t=3");
    }
}
