//! A small client: one connection per member, one member in use, the next one
//! as soon as it does not answer.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use prost::Message;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::EtcdConfig;
use super::wire::{
    AUTHENTICATE, AuthenticateRequest, AuthenticateResponse, KeyValue, LEASE_GRANT,
    LEASE_KEEP_ALIVE, LEASE_REVOKE, LeaseGrantRequest, LeaseGrantResponse, LeaseId,
    LeaseKeepAliveResponse, LeaseRevokeResponse, PUT, PutRequest, PutResponse, RANGE, RangeRequest,
    RangeResponse, TXN, TxnRequest, TxnResponse, WATCH, WatchAsk, WatchCreate, WatchProgress,
    WatchRequest, WatchResponse,
};

/// How often a watch asks its member for a sign of life. The answer comes on
/// the watch's own stream, so it proves what a ping would not: that the member
/// still serves this watch.
const PROGRESS: Duration = Duration::from_secs(1);

/// A watch that is silent for longer has lost its member.
const SILENCE: Duration = Duration::from_secs(3);

/// Why etcd did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum EtcdError {
    /// A member answered with an error, or none answered.
    #[error("etcd at {member}: {} ({:?})", .status.message(), .status.code())]
    Refused {
        /// The last one asked.
        member: String,
        /// Its answer.
        status: Status,
    },
    /// The lease has ended.
    #[error("the lease has ended")]
    NoLease,
    /// A watch ended; what happened since must be read anew.
    #[error("the watch ended: {0}")]
    WatchEnded(String),
    /// The revision to watch from is no longer kept.
    #[error("revisions up to {0} are compacted")]
    Compacted(i64),
}

type Result<T> = std::result::Result<T, EtcdError>;

/// Clones share connections.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    members: Vec<Member>,
    /// Counts up; the member in use is this modulo their number.
    turn: AtomicUsize,
    patience: Duration,
    credentials: Option<(String, String)>,
    token: Mutex<Option<AsciiMetadataValue>>,
}

struct Member {
    endpoint: String,
    channel: Channel,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.0.members.iter().map(|member| &member.endpoint);
        f.debug_list().entries(members).finish()
    }
}

impl Client {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// The endpoint that is no address.
    pub(crate) fn new(config: &EtcdConfig) -> std::result::Result<Self, String> {
        let members = config.endpoints.iter().map(|endpoint| {
            let made = Endpoint::from_shared(endpoint.clone()).map_err(|_| endpoint.clone())?;
            let channel = made
                .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
                .tcp_nodelay(true)
                .connect_lazy();
            Ok(Member {
                endpoint: endpoint.clone(),
                channel,
            })
        });
        let members = members.collect::<std::result::Result<Vec<_>, String>>()?;
        let credentials =
            (!config.user.is_empty()).then(|| (config.user.clone(), config.password.clone()));
        // Clients begin at different members.
        let turn = AtomicUsize::new(usize::from(rand::random::<u16>()));
        Ok(Self(Arc::new(Inner {
            members,
            turn,
            patience: Duration::from_millis(config.request_timeout_ms),
            credentials,
            token: Mutex::default(),
        })))
    }

    /// Linearizable: fails when there is no quorum.
    pub(crate) async fn range(&self, request: RangeRequest) -> Result<RangeResponse> {
        self.unary(RANGE, request).await
    }

    pub(crate) async fn put(&self, key: &str, value: Vec<u8>, lease: i64) -> Result<()> {
        let key = key.as_bytes().to_vec();
        let request = PutRequest { key, value, lease };
        let _: PutResponse = self.unary(PUT, request).await?;
        Ok(())
    }

    pub(crate) async fn txn(&self, request: TxnRequest) -> Result<TxnResponse> {
        self.unary(TXN, request).await
    }

    /// A new lease: its id, and the seconds that it was given.
    pub(crate) async fn grant(&self, ttl_s: i64) -> Result<(i64, i64)> {
        let request = LeaseGrantRequest { ttl: ttl_s };
        let granted: LeaseGrantResponse = self.unary(LEASE_GRANT, request).await?;
        Ok((granted.id, granted.ttl))
    }

    pub(crate) async fn revoke(&self, lease: i64) -> Result<()> {
        let _: LeaseRevokeResponse = self.unary(LEASE_REVOKE, LeaseId { id: lease }).await?;
        Ok(())
    }

    /// Renews a lease once; its seconds. One short stream per renewal in place
    /// of a lasting one: it can go to any member, and its failure is plain.
    ///
    /// # Errors
    /// [`EtcdError::NoLease`] when it has ended.
    pub(crate) async fn keep_alive(&self, lease: i64) -> Result<i64> {
        self.attempts(|member| self.keep_alive_at(member, lease))
            .await
    }

    /// Follows the keys that begin with `prefix`, from `revision` on, at the
    /// member in use.
    pub(crate) async fn watch(&self, prefix: &str, revision: i64) -> Result<WatchEvents> {
        let turn = self.0.turn.load(Ordering::Relaxed);
        let member = &self.0.members[turn % self.0.members.len()];
        let opened = timeout(self.0.patience, self.open_watch(member, prefix, revision)).await;
        let opened = opened.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        match opened {
            Ok(answers) => Ok(WatchEvents {
                answers,
                client: self.clone(),
                turn,
                heard: Instant::now(),
            }),
            Err(status) => {
                self.turn_from(turn);
                Err(refused(member, status))
            }
        }
    }

    /// Asks the member in use, then each other one.
    async fn unary<Q, A>(&self, path: &'static str, request: Q) -> Result<A>
    where
        Q: Message + Clone + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        self.attempts(|member| self.unary_at(member, path, request.clone()))
            .await
    }

    async fn attempts<'a, A, F>(&'a self, mut attempt: impl FnMut(&'a Member) -> F) -> Result<A>
    where
        F: Future<Output = std::result::Result<A, Status>>,
    {
        let mut last = None;
        // One more, for a token that has ended.
        for _ in 0..=self.0.members.len() {
            let turn = self.0.turn.load(Ordering::Relaxed);
            let member = &self.0.members[turn % self.0.members.len()];
            let outcome = timeout(self.0.patience, attempt(member)).await;
            let outcome =
                outcome.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
            let status = match outcome {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            if is_no_lease(&status) {
                return Err(EtcdError::NoLease);
            }
            if is_bad_token(&status) {
                self.set_token(None);
            } else if !is_passing(&status) {
                return Err(refused(member, status));
            } else {
                self.turn_from(turn);
            }
            last = Some(refused(member, status));
        }
        Err(last.unwrap_or(EtcdError::NoLease))
    }

    /// Uses the next member, unless somebody else has turned already.
    fn turn_from(&self, turn: usize) {
        let next = turn.wrapping_add(1);
        let order = Ordering::Relaxed;
        let _ = self.0.turn.compare_exchange(turn, next, order, order);
    }

    async fn unary_at<Q, A>(
        &self,
        member: &Member,
        path: &'static str,
        message: Q,
    ) -> std::result::Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut request = Request::new(message);
        self.authorize(member, request.metadata_mut()).await?;
        call(member, path, request).await.map(Response::into_inner)
    }

    async fn keep_alive_at(&self, member: &Member, lease: i64) -> std::result::Result<i64, Status> {
        let mut request =
            Request::new(stream::iter([LeaseId { id: lease }]).chain(stream::pending()));
        self.authorize(member, request.metadata_mut()).await?;
        let mut answers: Answers<LeaseKeepAliveResponse> =
            open(member, LEASE_KEEP_ALIVE, request).await?;
        match answers.stream.message().await? {
            Some(answer) if answer.ttl > 0 => Ok(answer.ttl),
            Some(_) => Err(Status::not_found(NO_LEASE)),
            None => Err(Status::unavailable("the member closed the stream")),
        }
    }

    async fn open_watch(
        &self,
        member: &Member,
        prefix: &str,
        revision: i64,
    ) -> std::result::Result<Answers<WatchResponse>, Status> {
        let create = WatchAsk::Create(WatchCreate {
            key: prefix.as_bytes().to_vec(),
            range_end: end_of_prefix(prefix),
            start_revision: revision,
        });
        let mut request = Request::new(create_then_progress(create));
        // A member without a leader ends the watch instead of falling silent.
        let yes = AsciiMetadataValue::from_static("true");
        request.metadata_mut().insert("hasleader", yes);
        self.authorize(member, request.metadata_mut()).await?;
        open(member, WATCH, request).await
    }

    async fn authorize(
        &self,
        member: &Member,
        metadata: &mut MetadataMap,
    ) -> std::result::Result<(), Status> {
        let Some((name, password)) = &self.0.credentials else {
            return Ok(());
        };
        let token = match self.token() {
            Some(token) => token,
            None => {
                let (name, password) = (name.clone(), password.clone());
                let request = Request::new(AuthenticateRequest { name, password });
                let answer: Response<AuthenticateResponse> =
                    call(member, AUTHENTICATE, request).await?;
                let token = AsciiMetadataValue::try_from(answer.into_inner().token)
                    .map_err(|_| Status::internal("a token that is no text"))?;
                self.set_token(Some(token.clone()));
                token
            }
        };
        metadata.insert("token", token);
        Ok(())
    }

    fn token(&self) -> Option<AsciiMetadataValue> {
        let token = self.0.token.lock();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_token(&self, token: Option<AsciiMetadataValue>) {
        *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

/// What happens below a watched prefix.
pub(crate) struct WatchEvents {
    answers: Answers<WatchResponse>,
    client: Client,
    turn: usize,
    heard: Instant,
}

impl WatchEvents {
    /// The next answer; one without events is a sign of life. After an error
    /// the watch is over, and later calls go to another member. May be dropped
    /// and called again.
    pub(crate) async fn next(&mut self) -> Result<WatchResponse> {
        let over = |why: String| {
            self.client.turn_from(self.turn);
            Err(EtcdError::WatchEnded(why))
        };
        let answer = timeout_at(self.heard + SILENCE, self.answers.stream.message()).await;
        self.heard = Instant::now();
        match answer {
            Ok(Ok(Some(answer))) if answer.compact_revision > 0 => {
                Err(EtcdError::Compacted(answer.compact_revision))
            }
            Ok(Ok(Some(answer))) if answer.canceled => over(answer.cancel_reason),
            Ok(Ok(Some(answer))) => Ok(answer),
            Ok(Ok(None)) => over("the member closed it".to_owned()),
            Ok(Err(status)) => over(status.message().to_owned()),
            Err(_) => over(format!("nothing heard for {} s", SILENCE.as_secs())),
        }
    }
}

/// All keys below a prefix as the end of a range: the prefix with its last byte
/// raised. Ours end in `/`, so that byte never overflows.
pub(crate) fn end_of_prefix(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// Everything below `prefix`.
pub(crate) fn below(prefix: &str) -> RangeRequest {
    RangeRequest {
        key: prefix.as_bytes().to_vec(),
        range_end: end_of_prefix(prefix),
        ..RangeRequest::default()
    }
}

/// What stands behind the prefix in a key; `None` for a key that is not text.
pub(crate) fn name_below<'a>(prefix: &str, kv: &'a KeyValue) -> Option<&'a str> {
    std::str::from_utf8(&kv.key).ok()?.strip_prefix(prefix)
}

fn create_then_progress(create: WatchAsk) -> impl Stream<Item = WatchRequest> + Send + 'static {
    let start = Instant::now() + PROGRESS;
    let ticks = tokio::time::interval_at(start, PROGRESS);
    let progress = stream::unfold(ticks, |mut ticks| async move {
        ticks.tick().await;
        Some((WatchAsk::Progress(WatchProgress {}), ticks))
    });
    let asks = stream::iter([create]).chain(progress);
    asks.map(|ask| WatchRequest { ask: Some(ask) })
}

async fn call<Q, A>(
    member: &Member,
    path: &'static str,
    request: Request<Q>,
) -> std::result::Result<Response<A>, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(member.channel.clone());
    ready(&mut grpc).await?;
    let codec = ProstCodec::<Q, A>::default();
    grpc.unary(request, PathAndQuery::from_static(path), codec)
        .await
}

/// The answers to a stream of requests.
struct Answers<A> {
    stream: Streaming<A>,
    /// Ends the requests. The connection has a task that sends them as long as
    /// there are any, whether or not anybody still listens.
    _asks: DropGuard,
}

async fn open<Q, A>(
    member: &Member,
    path: &'static str,
    request: Request<impl Stream<Item = Q> + Send + 'static>,
) -> std::result::Result<Answers<A>, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let asks = CancellationToken::new();
    let request = request.map(|stream| stream.take_until(asks.clone().cancelled_owned()));
    let guard = asks.drop_guard();
    let mut grpc = Grpc::new(member.channel.clone());
    ready(&mut grpc).await?;
    let codec = ProstCodec::<Q, A>::default();
    let answer = grpc.streaming(request, PathAndQuery::from_static(path), codec);
    Ok(Answers {
        stream: answer.await?.into_inner(),
        _asks: guard,
    })
}

async fn ready(grpc: &mut Grpc<Channel>) -> std::result::Result<(), Status> {
    let away = |error: tonic::transport::Error| Status::unavailable(error.to_string());
    grpc.ready().await.map_err(away)
}

fn refused(member: &Member, status: Status) -> EtcdError {
    let member = member.endpoint.clone();
    EtcdError::Refused { member, status }
}

const NO_LEASE: &str = "requested lease not found";

fn is_no_lease(status: &Status) -> bool {
    status.code() == Code::NotFound && status.message().contains(NO_LEASE)
}

fn is_bad_token(status: &Status) -> bool {
    status.code() == Code::Unauthenticated && status.message().contains("invalid auth token")
}

/// Whether another member, or the same one later, may do better.
fn is_passing(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::ResourceExhausted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_right_behind_its_prefix() {
        assert_eq!(end_of_prefix("/services/a/"), b"/services/a0");
    }

    #[test]
    fn a_lease_that_is_gone_is_told_from_a_member_that_is_away() {
        let gone = Status::not_found("etcdserver: requested lease not found");
        assert!(is_no_lease(&gone) && !is_passing(&gone));
        let away = Status::unavailable("etcdserver: request timed out");
        assert!(is_passing(&away) && !is_no_lease(&away));
        let denied = Status::permission_denied("etcdserver: permission denied");
        assert!(!is_passing(&denied));
    }
}
