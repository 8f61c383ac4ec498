//! Servers of tests: a port nobody else has, known before there is anything to serve.

use std::net::SocketAddr;

use axum::Router;
use kit::serve::Tasks;
use tokio::net::TcpListener;

/// A port of this machine that is taken and not served yet.
pub struct Port {
    pub listener: TcpListener,
    pub address: SocketAddr,
}

impl Port {
    /// # Panics
    /// When no port is free.
    pub async fn free() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        Self { listener, address }
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the tasks are told to stop, telling handlers where callers come from, as the
    /// binary does.
    pub fn serve(self, router: Router, tasks: &Tasks) {
        let stop = tasks.stop();
        tasks.spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let serving = axum::serve(self.listener, service);
            serving.with_graceful_shutdown(stop.cancelled_owned()).await.expect("serving");
        });
    }
}
