//! Puts the roles together into one server.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::{Router, http::HeaderMap, routing::get};
use kit::{
    kept::KeptBody,
    limit::callers::Known,
    peers::{self, Peer},
    public_url::PublicUrl,
    serve::{ConnectionLimits, Endpoint, Tasks, serve_until},
    settings::{Env, ProcessEnv, Settings},
};
use tokio::net::TcpListener;
use utoipa::OpenApi;

use crate::{keys, print_result, settings::Stores};

mod assembly;
mod description;
mod management;
mod role;
mod roles;
mod topics;

use assembly::{Assembly, Configs, Limits};
use description::Description;
pub use role::Role;

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

/// Serves until the process is told to end.
///
/// # Errors
/// As [`assemble`]'s, and topics that may lose what they acknowledged: the error says what to
/// change.
pub async fn serve(roles: &[Role]) -> anyhow::Result<()> {
    // What is wrong with the settings, all of it, is said below.
    if let Ok(stores) = Stores::from_env() {
        topics::check_topics(&stores).await?;
    }
    assemble(roles, &ProcessEnv).await?.serve().await
}

/// Reads and checks all settings, makes the clients and routes, and starts the background tasks.
///
/// # Errors
/// Every mistake in the settings at once. Servers that are away are waited for later, not here.
pub async fn assemble(named: &[Role], env: &dyn Env) -> anyhow::Result<Server> {
    let mut settings = Settings::new(env);
    let roles = role::roles(&mut settings, named);
    let bounds = Bounds::from_settings(&mut settings);
    let public = PublicUrl::from_settings(&mut settings);
    let stores = Stores::from_settings(&mut settings);
    let limits = Limits::from_settings(&mut settings);
    let configs = Configs::from_settings(&mut settings, &roles);
    settings.finish()?;
    let mut stores = stores.context("the servers are not named")?;
    let own = Peer::fresh();
    stores.kafka = stores.kafka.with_client(own.client_name());
    if public.is_nowhere() {
        tracing::warn!(
            "links in letters and on pages begin with {public}, which nobody can open; set \
                FAIRGATE_PUBLIC_URL to where \
             browsers reach this server"
        );
    }
    if let Some(warning) = role::no_provider(&roles, env, &public) {
        tracing::warn!("{warning}");
    }

    // Where it is both, whoever is inside has connections that no crowd takes.
    let (inside, stores) =
        if role::are_both(&roles) { stores.split()? } else { (stores.clone(), stores) };
    let tasks = Tasks::default();
    peers::start(stores.steady.clone(), stores.kafka.clone(), own, &tasks);
    let mut all = Assembly {
        routes: Router::new(),
        api: Description::openapi(),
        limited: BTreeSet::new(),
        keys: Known::new(limits.sell, &tasks),
        limits,
        tasks: tasks.clone(),
        ready: management::Readiness::of([&inside, &stores], tasks.draining()),
    };
    roles::add(&mut all, &roles, (inside, &stores), configs).await?;
    let mut api = serde_json::to_value(&all.api)?;
    description::complete(&mut api, &all.limited);
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
