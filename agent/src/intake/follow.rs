//! HTTP on loopback where the edition in force says. It moves while the daemon runs: the new
//! address is open before the old one closes, and every request under way is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Router, serve};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::InForce;
use crate::facts::HttpFacts;

/// How soon an address that somebody else has is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the edition in force wants of HTTP, done.
pub(super) struct Follow {
    pub(super) router: Router,
    /// The address of the machine's own settings, which is served in any case.
    pub(super) own: Option<SocketAddr>,
    pub(super) in_force: watch::Receiver<Arc<InForce>>,
    pub(super) facts: watch::Sender<HttpFacts>,
}

impl Follow {
    /// Serves until `stop` says true and the requests under way are answered.
    pub(super) async fn serve(mut self, mut stop: watch::Receiver<bool>) {
        let mut serving: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        let mut open: Option<(SocketAddr, watch::Sender<bool>)> = None;
        loop {
            let wanted = self.in_force.borrow_and_update().settings.intake.http();
            let wanted = wanted.filter(|at| Some(*at) != self.own);
            let mut why = None;
            if wanted != open.as_ref().map(|(at, _)| *at) {
                match self.move_to(wanted).await {
                    Ok(moved) => {
                        let (close, ended) = moved.unzip();
                        serving.extend(ended);
                        open = wanted.zip(close);
                    }
                    Err(refused) => why = Some(refused),
                }
            }
            let again = why.is_some();
            let served = open.as_ref().map(|(at, _)| *at);
            self.facts.send_replace(HttpFacts { wanted, served, why });
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                Ok(()) = self.in_force.changed() => {}
                () = sleep(AGAIN), if again => {}
                Some(()) = serving.next() => {}
            }
        }
        drop(open);
        while serving.next().await.is_some() {}
    }

    /// Opens an address. What comes back serves it until its sender is dropped.
    async fn move_to(&self, to: Option<SocketAddr>) -> Result<Option<Served>, String> {
        let Some(to) = to else { return Ok(None) };
        let listener = TcpListener::bind(to).await.map_err(|why| why.to_string())?;
        let (close, mut closed) = watch::channel(false);
        let served = serve(listener, self.router.clone());
        let served =
            served.with_graceful_shutdown(async move { while closed.changed().await.is_ok() {} });
        let served = async move {
            if let Err(why) = served.await {
                tracing::error!(%why, "a socket of intake failed");
            }
        };
        Ok(Some((close, Box::pin(served))))
    }
}

/// Closes what it came with, once dropped.
type Served = (watch::Sender<bool>, BoxFuture<'static, ()>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Tighten;
    use axum::routing::get;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    /// An address that nobody has.
    async fn free() -> SocketAddr {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
    }

    fn wanting(at: Option<SocketAddr>) -> Arc<InForce> {
        let mut in_force = InForce::built_in(&Tighten::default());
        in_force.settings.intake.http = at.map(|at| at.to_string()).unwrap_or_default();
        Arc::new(in_force)
    }

    async fn ask(at: SocketAddr) -> String {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn http_moves_as_the_edition_says_and_no_request_is_dropped() {
        let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (asked2, go2) = (asked.clone(), go.clone());
        let answer = async move || {
            asked2.notify_one();
            go2.notified().await;
            "done"
        };
        let (force, in_force) = watch::channel(wanting(None));
        let (facts, mut told) = watch::channel(HttpFacts::default());
        let (stop, stops) = watch::channel(false);
        let router = Router::new().route("/", get(answer));
        let follow = Follow { router, own: None, in_force, facts };
        let serving = tokio::spawn(follow.serve(stops));

        let (first, taken) =
            (free().await, TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        force.send_replace(wanting(Some(first)));
        told.wait_for(|facts| facts.served == Some(first)).await.unwrap();
        let under_way = tokio::spawn(ask(first));
        asked.notified().await;
        // An address that somebody else has: the one before stays open.
        let second = taken.local_addr().unwrap();
        force.send_replace(wanting(Some(second)));
        let refused = told.wait_for(|facts| facts.wanted == Some(second)).await.unwrap().clone();
        assert_eq!(refused.served, Some(first));
        assert!(refused.why.unwrap().contains("in use"));
        drop(TcpStream::connect(first).await.unwrap());
        // Once it is free it is taken, and what was asked before is answered.
        drop(taken);
        told.wait_for(|facts| facts.served == Some(second)).await.unwrap();
        go.notify_one();
        assert!(under_way.await.unwrap().ends_with("done"));
        TcpStream::connect(first).await.unwrap_err();

        force.send_replace(wanting(None));
        told.wait_for(|facts| facts.served.is_none()).await.unwrap();
        stop.send_replace(true);
        serving.await.unwrap();
        TcpStream::connect(second).await.unwrap_err();
    }

    #[tokio::test]
    async fn what_the_machine_serves_in_any_case_is_not_opened_twice() {
        let own = free().await;
        let (_force, in_force) = watch::channel(wanting(Some(own)));
        let (facts, told) = watch::channel(HttpFacts::default());
        let (stop, stops) = watch::channel(false);
        let follow = Follow { router: Router::new(), own: Some(own), in_force, facts };
        stop.send_replace(true);
        follow.serve(stops).await;
        assert_eq!(*told.borrow(), HttpFacts::default());
    }
}
