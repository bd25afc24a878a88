//! A TCP proxy that misbehaves when told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shoal_task::Scope;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands between a client and a real server, so that a test can take the
/// network away without touching either.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    weather: watch::Sender<Weather>,
    open: Arc<Mutex<Scope>>,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    refusing: bool,
    frozen: bool,
    delay: Duration,
}

impl FaultProxy {
    /// A proxy on a free loopback port in front of `upstream`.
    pub async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound port");
        let scope = Scope::root("fault-proxy");
        let open = Arc::new(Mutex::new(scope.child("open")));
        let (weather, watching) = watch::channel(Weather::default());
        drop(scope.spawn_detached_context("accept", {
            let (open, scope) = (Arc::clone(&open), scope.clone());
            async move {
                tokio::select! {
                    () = accept(listener, upstream, watching, open) => {}
                    () = scope.cancelled() => {}
                }
            }
        }));
        Self {
            addr,
            weather,
            open,
            scope,
        }
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes every open connection at once; new ones are accepted.
    pub fn cut(&self) {
        let fresh = self.scope.child("open");
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *open, fresh).cancel();
    }

    /// Closes open connections and refuses new ones.
    pub fn refuse(&self) {
        self.weather.send_modify(|w| w.refusing = true);
        self.cut();
    }

    /// Keeps connections open but lets nothing through.
    pub fn freeze(&self) {
        self.weather.send_modify(|w| w.frozen = true);
    }

    /// Lets each piece through late.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|w| w.delay = delay);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.weather.send_modify(|w| *w = Weather::default());
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    weather: watch::Receiver<Weather>,
    open: Arc<Mutex<Scope>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if weather.borrow().refusing {
            continue;
        }
        let scope = open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let weather = weather.clone();
        drop(
            scope
                .clone()
                .spawn_detached_context("connection", async move {
                    let Ok(server) = TcpStream::connect(upstream).await else {
                        return;
                    };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::select! {
                        () = scope.cancelled() => {}
                        ((), ()) = async { tokio::join!(
                            pump(from_client, to_server, weather.clone()),
                            pump(from_server, to_client, weather),
                        ) } => {}
                    }
                }),
        );
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let delay = weather.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if weather.wait_for(|w| !w.frozen).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
