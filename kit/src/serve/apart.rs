//! Threads apart from the crowd's: what must answer soon does not stand behind the questions of a
//! million people in the same queue of tasks.

use std::{future::Future, thread};

use anyhow::Context;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::runtime;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::tasks::Tasks;
use crate::problem::Problem;

/// A runtime of its own. The operating system shares the processors out between its threads and the
/// others'.
#[derive(Clone)]
pub struct Apart(runtime::Handle);

impl Apart {
    /// Starts one thread a processor, until `tasks` have ended.
    ///
    /// # Errors
    /// When the operating system gives no threads.
    pub fn start(name: &'static str, tasks: &Tasks) -> anyhow::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread().thread_name(name).enable_all().build();
        let runtime = runtime.context("starting threads")?;
        let (handle, tasks) = (runtime.handle().clone(), tasks.clone());
        // A runtime must not end on one of its own threads, nor on another's.
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(tasks.ended());
            runtime.shutdown_background();
        })?;
        Ok(Self(handle))
    }

    /// Runs `work` there: whatever it opens or starts stays there.
    ///
    /// # Panics
    /// Where `work` does, or where the threads have ended.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match AbortOnDropHandle::new(self.0.spawn(work.in_current_span())).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => panic!("these threads have ended: {error}"),
        }
    }

    /// Middleware that answers a request there. Where its caller hangs up, it is let go of, as
    /// elsewhere.
    pub async fn answer(State(apart): State<Self>, request: Request, next: Next) -> Response {
        let answer = AbortOnDropHandle::new(apart.0.spawn(next.run(request).in_current_span()));
        match answer.await {
            Ok(response) => response,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Problem::unavailable(error).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;

    use super::*;

    fn name() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_and_answers_come_from_threads_of_their_own_until_the_tasks_end() {
        let tasks = Tasks::default();
        let apart = Apart::start("of-its-own", &tasks).expect("threads");
        assert_eq!(apart.run(async { name() }).await, "of-its-own");
        assert_ne!(name(), "of-its-own");
        let router = Router::new()
            .route("/", get(async || name()))
            .layer(from_fn_with_state(apart.clone(), Apart::answer));
        let ask = async || {
            let request = Request::get("/").body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            axum::body::to_bytes(answer.into_body(), 1_000).await.expect("a body")
        };
        assert_eq!(ask().await, "of-its-own");
        tasks.drain().await;
    }
}
