//! Puts the roles together into one server.

use std::{net::SocketAddr, sync::Arc};

use admin::contract::SUPPORT_TOPIC;
use admission::contract::{HEADS_TOPIC, line_topic};
use anyhow::Context;
use axum::{Router, http::HeaderMap, routing::get};
use catalog::contract::CATALOG_TOPIC;
use checkout::contract::{COMMANDS_TOPIC, DEAD_TOPIC, EVENTS_TOPIC};
use clap::ValueEnum;
use kit::{
    kafka::Weak,
    kept::KeptBody,
    limit::{
        ClientAddress, Policy,
        callers::{Callers, Known},
        per_client,
    },
    public_url::PublicUrl,
    serve::{ConnectionLimits, Endpoint, Tasks, serve_until},
    settings::{Env, ProcessEnv, Settings},
};
use tokio::net::TcpListener;
use utoipa::{
    OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{keys, print_result, settings::Stores};

mod management;
mod roles;

/// What a process can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Shows and their pages.
    Catalog,
    /// Joining, waiting, claiming.
    Waitroom,
    /// Moves the heads.
    Admission,
    /// Sessions, holds, orders, tickets.
    Checkout,
    /// Commits orders to Postgres.
    Writer,
    /// Resellers' pages and API.
    Portal,
    /// The console of operators and admins.
    Admin,
    /// Fans' questions about their orders.
    Support,
    /// Letters to fans.
    Notifications,
    /// A payment provider to try things with; only where it is asked for.
    Sandbox,
}

/// What a process is that was not told what to be.
const USUAL: [Role; 9] = [
    Role::Catalog,
    Role::Waitroom,
    Role::Admission,
    Role::Checkout,
    Role::Writer,
    Role::Portal,
    Role::Admin,
    Role::Support,
    Role::Notifications,
];

/// The roles of a process: those that are named, or the usual ones; and the sandbox where
/// `FAIRGATE_SANDBOX` asks for it. No real system has a provider that takes no money because nobody
/// said otherwise.
fn roles(settings: &mut Settings, named: &[Role]) -> Vec<Role> {
    let mut roles = if named.is_empty() { USUAL.to_vec() } else { named.to_vec() };
    if settings.or("FAIRGATE_SANDBOX", false) && !roles.contains(&Role::Sandbox) {
        roles.push(Role::Sandbox);
    }
    roles
}

/// What is said at start of orders that nobody can pay, if so.
fn no_provider(roles: &[Role], env: &dyn Env, public: &PublicUrl) -> Option<String> {
    let sells = roles.contains(&Role::Checkout);
    let is_known = roles.contains(&Role::Sandbox) || env.get("FAIRGATE_PAYMENT_URL").is_some();
    (sells && !is_known).then(|| {
        format!(
            "no payment provider is configured: orders can be placed, but not paid, and run out, \
                unless one answers at \
             {public}. Set FAIRGATE_PAYMENT_URL, or FAIRGATE_SANDBOX=true for the one that takes \
             no money"
        )
    })
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Fairgate",
    description = "A fair virtual waiting room that hands out signed admission passes, and the \
        ticketing core behind it. \
        Errors are RFC 9457 problem documents; `type` is `urn:fairgate:problem:<id>`."
))]
struct Description;

/// A server that is put together and not listening yet.
pub struct Server {
    pub router: Router,
    /// What whoever runs it asks for, at an address of its own: nobody else is to know.
    pub management: Router,
    pub tasks: Tasks,
    bounds: Bounds,
    /// The OpenAPI description of the assembled roles.
    pub api: serde_json::Value,
}

/// Where a server listens, and how much it takes at once.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    listen: SocketAddr,
    management: SocketAddr,
    connections: ConnectionLimits,
}

/// Metrics and readiness are asked for by few.
const MANAGEMENT_CONNECTIONS_MAX: usize = 64;

impl Bounds {
    fn from_settings(settings: &mut Settings) -> Self {
        Self {
            listen: settings.or("FAIRGATE_LISTEN", SocketAddr::from(([127, 0, 0, 1], 8080))),
            management: management_listen(settings),
            connections: ConnectionLimits::from_settings(settings),
        }
    }
}

/// `FAIRGATE_MANAGEMENT_LISTEN`: where metrics and readiness are, for this machine alone by
/// default.
pub fn management_listen(settings: &mut Settings) -> SocketAddr {
    settings.or("FAIRGATE_MANAGEMENT_LISTEN", SocketAddr::from(([127, 0, 0, 1], 9080)))
}

impl Server {
    /// Serves at the addresses of the settings until the process is told to end.
    ///
    /// # Errors
    /// When an address is taken.
    pub async fn serve(self) -> anyhow::Result<()> {
        let Bounds { listen, management, connections } = self.bounds;
        let connections = connections.within_open_files();
        let few = connections.at_most(MANAGEMENT_CONNECTIONS_MAX);
        let watched =
            Endpoint::open("FAIRGATE_MANAGEMENT_LISTEN", management, self.management, few).await?;
        let public = Endpoint::open("FAIRGATE_LISTEN", listen, self.router, connections).await?;
        tracing::info!(%listen, %management, "serving");
        kit::serve::serve(public, watched, self.tasks).await;
        Ok(())
    }

    /// Serves on listeners of the caller's, for tests; ends with the returned tasks.
    pub fn serve_on(self, public: TcpListener, management: TcpListener) -> Tasks {
        let limits = self.bounds.connections;
        let public = Endpoint { listener: public, router: self.router, limits };
        let management = Endpoint { listener: management, router: self.management, limits };
        let (tasks, end) = (self.tasks.clone(), self.tasks.stop());
        tokio::spawn(serve_until(public, Some(management), self.tasks, end.cancelled_owned()));
        tasks
    }
}

/// How fast one client may call what; `sell` is one API key's.
struct Limits {
    clients: ClientAddress,
    join: Policy,
    wait: Policy,
    buy: Policy,
    read: Policy,
    work: Policy,
    sign_in: Policy,
    sell: Policy,
}

impl Limits {
    fn from_settings(settings: &mut Settings) -> Self {
        Self {
            clients: ClientAddress::from_settings(settings),
            join: Policy::from_settings(settings, "join", 5, 50),
            wait: Policy::from_settings(settings, "wait", 50, 500),
            buy: Policy::from_settings(settings, "buy", 10, 100),
            read: Policy::from_settings(settings, "read", 50, 500),
            work: Policy::from_settings(settings, "work", 50, 500),
            sign_in: Policy::from_settings(settings, "sign-in", 1, 20),
            sell: Policy::from_settings(settings, "sell", 500, 1_000),
        }
    }
}

/// Whether a topic is one of ours, of any crate.
fn is_ours(topic: &str) -> bool {
    let named =
        [HEADS_TOPIC, CATALOG_TOPIC, SUPPORT_TOPIC, COMMANDS_TOPIC, DEAD_TOPIC, EVENTS_TOPIC];
    named.contains(&topic) || topic.starts_with(&line_topic(""))
}

/// Refuses to start on topics that may lose what they acknowledged. Where Kafka is away, the
/// process is not ready until they were looked at.
async fn check_topics(stores: &Stores) -> anyhow::Result<()> {
    match stores.kafka.ensure_durable(is_ours).await {
        Err(error) if error.is::<Weak>() => Err(error),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "Kafka's topics were not checked");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Serves until the process is told to end.
///
/// # Errors
/// As [`assemble`]'s, and topics that may lose what they acknowledged: the error says what to
/// change.
pub async fn serve(roles: &[Role]) -> anyhow::Result<()> {
    // What is wrong with the settings, all of it, is said below.
    if let Ok(stores) = Stores::from_env() {
        check_topics(&stores).await?;
    }
    assemble(roles, &ProcessEnv).await?.serve().await
}

/// Settings of the roles that a process serves.
struct Configs {
    passes: Option<admission::Config>,
    waitroom: Option<waitroom::Config>,
    checkout: Option<checkout::Config>,
    portal: reseller_portal::Config,
    admin: Option<admin::Config>,
    notifications: Option<notifications::Config>,
    sandbox: Option<checkout::sandbox::Config>,
}

impl Configs {
    fn from_settings(settings: &mut Settings, roles: &[Role]) -> Self {
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
struct Assembly {
    routes: Router,
    api: utoipa::openapi::OpenApi,
    limits: Limits,
    /// Counts of API keys, over all the routes that take one.
    keys: Known,
    tasks: Tasks,
    ready: management::Readiness,
}

impl Assembly {
    fn add(&mut self, router: OpenApiRouter) {
        let (routes, api) = router.split_for_parts();
        self.routes = std::mem::take(&mut self.routes).merge(routes);
        self.api.merge(api);
    }

    /// Adds routes that one client may call only so fast.
    fn add_limited(&mut self, router: OpenApiRouter, policy: Policy) {
        let (routes, api) = router.split_for_parts();
        let routes = per_client(routes, policy, &self.limits.clients, &self.tasks);
        self.routes = std::mem::take(&mut self.routes).merge(routes);
        self.api.merge(api);
    }

    /// Adds routes that take API keys: one key may call only so fast, and everybody else as
    /// `others` says.
    fn add_for_keys(
        &mut self,
        router: OpenApiRouter,
        others: Policy,
        portal: &reseller_portal::App,
    ) {
        let callers = Callers::new(self.keys.clone(), others, &self.limits.clients, &self.tasks);
        self.add(reseller_portal::with_api_keys(router, portal.clone(), Some(callers)));
    }
}

/// Reads and checks all settings, makes the clients and routes, and starts the background tasks.
///
/// # Errors
/// Every mistake in the settings at once. Servers that are away are waited for later, not here.
pub async fn assemble(named: &[Role], env: &dyn Env) -> anyhow::Result<Server> {
    let mut settings = Settings::new(env);
    let roles = roles(&mut settings, named);
    let bounds = Bounds::from_settings(&mut settings);
    let public = PublicUrl::from_settings(&mut settings);
    let stores = Stores::from_settings(&mut settings);
    let limits = Limits::from_settings(&mut settings);
    let configs = Configs::from_settings(&mut settings, &roles);
    settings.finish()?;
    let stores = stores.context("the servers are not named")?;
    if public.is_nowhere() {
        tracing::warn!(
            "links in letters and on pages begin with {public}, which nobody can open; set \
                FAIRGATE_PUBLIC_URL to where \
             browsers reach this server"
        );
    }
    if let Some(warning) = no_provider(&roles, env, &public) {
        tracing::warn!("{warning}");
    }

    let tasks = Tasks::default();
    let mut all = Assembly {
        routes: Router::new(),
        api: Description::openapi(),
        keys: Known::new(limits.sell, &tasks),
        limits,
        tasks: tasks.clone(),
        ready: management::Readiness::of(&stores, tasks.draining()),
    };
    roles::add(&mut all, &roles, &stores, configs).await?;
    describe_security(&mut all.api);
    let api = serde_json::to_value(&all.api)?;
    let router = kit::http::stack_at(&public, all.routes.merge(for_programs(&api)?));
    Ok(Server { router, management: management::router(all.ready)?, tasks, bounds, api })
}

/// What programs ask for.
fn for_programs(api: &serde_json::Value) -> anyhow::Result<Router> {
    let description = Arc::new(KeptBody::json(serde_json::to_vec(api)?.into()));
    let openapi =
        move |headers: HeaderMap| std::future::ready(description.answer(&headers, "no-cache"));
    Ok(Router::new()
        .route("/openapi.json", get(openapi))
        .route("/healthz", get(management::healthz))
        .merge(kit::asset::router(&[&kit::asset::STYLESHEET, &kit::asset::TIME_JS])))
}

/// The tokens that calls may carry.
fn describe_security(api: &mut utoipa::openapi::OpenApi) {
    let components = api.components.get_or_insert_default();
    for name in ["place_ticket", "session", "api_key", "admin_session", "sandbox_key"] {
        components
            .add_security_scheme(name, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Prints the description of the whole API. No server needs to run for it.
pub async fn print_openapi() -> anyhow::Result<()> {
    print_result(&serde_json::to_string_pretty(&describe().await?)?);
    Ok(())
}

/// The description of the whole API, from roles that are put together and never asked anything.
pub async fn describe() -> anyhow::Result<serde_json::Value> {
    let nowhere = [
        ("FAIRGATE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none".to_owned()),
        ("FAIRGATE_REDIS_URL", "redis://127.0.0.1:1/".to_owned()),
        ("FAIRGATE_KAFKA_BROKERS", "127.0.0.1:1".to_owned()),
        ("FAIRGATE_SMTP_URL", "smtp://127.0.0.1:1".to_owned()),
        ("FAIRGATE_MAIL_FROM", "nobody@fairgate.example".to_owned()),
        ("FAIRGATE_SANDBOX", "true".to_owned()),
    ];
    let env = keys::fresh()?.into_iter().chain(nowhere).map(|(key, value)| (key.to_owned(), value));
    let server = assemble(&[], &env.collect::<std::collections::HashMap<_, _>>()).await?;
    server.tasks.stop().cancel();
    Ok(server.api)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_sandbox_runs_only_where_it_is_asked_for() {
        let asked = |named: &[Role], sandbox: &str| {
            let env = HashMap::from([("FAIRGATE_SANDBOX".to_owned(), sandbox.to_owned())]);
            let mut settings = Settings::new(&env);
            let roles = roles(&mut settings, named);
            settings.finish().map(|()| roles.contains(&Role::Sandbox)).ok()
        };
        assert_eq!(
            (asked(&[], ""), asked(&[], "false"), asked(&[], "true")),
            (Some(false), Some(false), Some(true))
        );
        assert_eq!(
            (asked(&[Role::Checkout], ""), asked(&[Role::Sandbox], "")),
            (Some(false), Some(true))
        );
        assert_eq!(asked(&[], "maybe"), None);
    }

    #[test]
    fn a_checkout_without_a_payment_provider_says_so() {
        let said = |roles: &[Role], url: &str| {
            let env = HashMap::from([("FAIRGATE_PAYMENT_URL".to_owned(), url.to_owned())]);
            no_provider(roles, &env, &"https://tickets.example".parse().expect("an address"))
        };
        assert!(said(&USUAL, "").expect("said").contains("FAIRGATE_PAYMENT_URL"));
        assert_eq!(said(&USUAL, "https://pay.example"), None);
        assert_eq!(said(&[Role::Checkout, Role::Sandbox], ""), None);
        assert_eq!(said(&[Role::Waitroom], ""), None);
    }
}
