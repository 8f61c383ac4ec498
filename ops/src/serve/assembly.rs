//! What the roles of a process bring, as it is put together.

use std::collections::BTreeSet;

use axum::Router;
use kit::{
    limit::{
        ClientAddress, Policy,
        callers::{Callers, Known},
        per_client,
        presented::per_presented,
    },
    serve::Tasks,
    settings::Settings,
};
use utoipa_axum::router::OpenApiRouter;

use super::{management, role::Role};

/// How fast one client may call what; `sell` is one API key's.
pub struct Limits {
    pub clients: ClientAddress,
    pub join: Policy,
    /// Looking where a line stands: all who wait behind one address do so every few seconds.
    pub head: Policy,
    pub wait: Policy,
    pub buy: Policy,
    pub read: Policy,
    pub work: Policy,
    pub sign_in: Policy,
    pub sell: Policy,
}

impl Limits {
    pub fn from_settings(settings: &mut Settings) -> Self {
        Self {
            clients: ClientAddress::from_settings(settings),
            join: Policy::from_settings(settings, "join", 5, 50),
            head: Policy::from_settings(settings, "head", 500, 5_000),
            wait: Policy::from_settings(settings, "wait", 50, 500),
            buy: Policy::from_settings(settings, "buy", 10, 100),
            read: Policy::from_settings(settings, "read", 50, 500),
            work: Policy::from_settings(settings, "work", 50, 500),
            sign_in: Policy::from_settings(settings, "sign-in", 1, 20),
            sell: Policy::from_settings(settings, "sell", 500, 1_000),
        }
    }
}

/// Settings of the roles that a process serves.
pub struct Configs {
    pub passes: Option<admission::Config>,
    pub waitroom: Option<waitroom::Config>,
    pub checkout: Option<checkout::Config>,
    pub portal: reseller_portal::Config,
    pub admin: Option<admin::Config>,
    pub notifications: Option<notifications::Config>,
    pub sandbox: Option<checkout::sandbox::Config>,
}

impl Configs {
    pub fn from_settings(settings: &mut Settings, roles: &[Role]) -> Self {
        let has = |role| roles.contains(&role);
        let buys = has(Role::Checkout) || has(Role::Writer);
        Self {
            passes: (has(Role::Waitroom) || buys)
                .then(|| admission::Config::from_settings(settings, has(Role::Waitroom))),
            waitroom: has(Role::Waitroom).then(|| waitroom::Config::from_settings(settings)),
            checkout: buys.then(|| checkout::Config::from_settings(settings)),
            portal: reseller_portal::Config::from_settings(settings),
            admin: (has(Role::Admin) || has(Role::Support))
                .then(|| admin::Config::from_settings(settings)),
            notifications: has(Role::Notifications)
                .then(|| notifications::Config::from_settings(settings)),
            sandbox: has(Role::Sandbox).then(|| checkout::sandbox::Config::from_settings(settings)),
        }
    }
}

/// Routes and their description, growing role by role.
pub struct Assembly {
    pub routes: Router,
    pub api: utoipa::openapi::OpenApi,
    /// Paths whose calls may be made only so fast.
    pub limited: BTreeSet<String>,
    pub limits: Limits,
    /// Counts of API keys, over all the routes that take one.
    pub keys: Known,
    pub tasks: Tasks,
    pub ready: management::Readiness,
}

impl Assembly {
    pub fn add(&mut self, router: OpenApiRouter) {
        let (routes, api) = router.split_for_parts();
        self.routes = std::mem::take(&mut self.routes).merge(routes);
        self.api.merge(api);
    }

    /// Adds routes that one client may call only so fast.
    pub fn add_limited(&mut self, router: OpenApiRouter, policy: Policy) {
        let (routes, api) = router.split_for_parts();
        self.limited.extend(api.paths.paths.keys().cloned());
        let routes = per_client(routes, policy, &self.limits.clients, &self.tasks);
        self.routes = std::mem::take(&mut self.routes).merge(routes);
        self.api.merge(api);
    }

    /// Adds routes on which everybody shows something of their own: each may call as fast as
    /// `policy` says, and each address twenty times as fast, under the name `ceiling`.
    pub fn add_presented(&mut self, router: OpenApiRouter, policy: Policy, ceiling: &'static str) {
        let (routes, api) = router.split_for_parts();
        self.limited.extend(api.paths.paths.keys().cloned());
        let (clients, tasks) = (&self.limits.clients, &self.tasks);
        let routes = per_presented(routes, policy, ceiling, clients, tasks);
        self.routes = std::mem::take(&mut self.routes).merge(routes);
        self.api.merge(api);
    }

    /// Adds routes that take API keys: one key may call only so fast, and everybody else as
    /// `others` says.
    pub fn add_for_keys(
        &mut self,
        router: OpenApiRouter,
        others: Policy,
        portal: &reseller_portal::App,
    ) {
        self.limited.extend(router.get_openapi().paths.paths.keys().cloned());
        let callers = Callers::new(self.keys.clone(), others, &self.limits.clients, &self.tasks);
        self.add(reseller_portal::with_api_keys(router, portal.clone(), Some(callers)));
    }
}
