//! Passes requests on to services and their answers back.

mod repeat;
mod stream;
mod targets;
mod upstream;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State as Ax};
use http::{Request, Response, StatusCode, Uri, uri};
use shoal_context::{Context, SHED};
use shoal_discovery::Instance;
use shoal_error::{CommonCode, Error, Result};
use shoal_resilience::{InstanceCall, Rejected, Verdict};
use shoal_routing::Lane;
use shoal_service::{Identity, OptionalIdentity};
use shoal_telemetry::http::RouteLabel;

pub(crate) use targets::Target;
pub(crate) use upstream::{Service, Upstream};

use crate::State;
use crate::docs;
use crate::domain::headers;
use crate::domain::routes::Route;

/// Handles whatever path is not the gateway's own.
pub(crate) async fn pass(
    Ax(state): Ax<Arc<State>>,
    identity: Result<OptionalIdentity>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let client = peer.map(|ConnectInfo(address)| address.ip());
    if let Some(path) = docs::below(request.uri().path()) {
        if let Some(ip) = client {
            state.limits.address(ip)?;
        }
        let answer = state.docs.answer(path, request.method(), request.headers());
        return Ok(labelled(answer.await?, &Arc::from("/docs/*")));
    }
    let Some(route) = state.routes.find(request.uri().path()) else {
        let text = format!("No service has the path {}.", request.uri().path());
        return Err(Error::new(CommonCode::RouteNotFound, text));
    };
    let user = admit(&state, route, client, identity)?;
    let mut response = coloured(&state, route, client, user.as_ref(), request).await?;
    headers::to_client(response.headers_mut());
    let response = stream::until(&state.draining, response);
    Ok(labelled(response, &route.label))
}

/// Passes the request on under its colour, and notes how that went.
async fn coloured(
    state: &State,
    route: &Route,
    client: Option<IpAddr>,
    user: Option<&Identity>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let service = state.upstream.service(&route.service)?;
    let mut context = Context::current();
    let asked = shoal_routing::Request {
        user: user.map(Identity::user_id),
        headers: request.headers(),
        path: request.uri().path(),
        service: &route.service,
        now_ms: state.gray.now_ms(),
    };
    let known = context.meta().gray_version.as_deref();
    let mut passage = state.gray.pass(&asked, known, service.versions());
    if let Some(change) = passage.colour() {
        context = context.with_meta(change);
        let colour = context.meta().gray_version.as_deref();
        tracing::Span::current().record("gray.version", colour);
    }
    let answer = forward(state, route, service, client, request);
    let answer = context.attach(answer).await;
    passage.answered(match &answer {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.kind().http_status().as_u16(),
    });
    answer
}

/// The answer under one label for metrics, whatever the path was.
fn labelled(mut response: Response<Body>, label: &Arc<str>) -> Response<Body> {
    response
        .extensions_mut()
        .insert(RouteLabel(Arc::clone(label)));
    response
}

/// Refuses a bad token, then a caller whose bucket is empty; gives the caller.
fn admit(
    state: &State,
    route: &Route,
    client: Option<IpAddr>,
    identity: Result<OptionalIdentity>,
) -> Result<Option<Identity>> {
    let identity = match identity {
        Ok(OptionalIdentity(identity)) => identity,
        Err(error) if route.check_tokens => return Err(error),
        Err(_) => None,
    };
    match (&identity, client) {
        (Some(identity), _) => state.limits.user(identity.user_id())?,
        (None, Some(ip)) => state.limits.address(ip)?,
        (None, None) => {}
    }
    Ok(identity)
}

async fn forward(
    state: &State,
    route: &Route,
    service: &Service,
    client: Option<IpAddr>,
    mut request: Request<Body>,
) -> Result<Response<Body>> {
    headers::to_upstream(request.headers_mut(), client);
    let context = Context::current();
    context.to_http(request.headers_mut());
    shoal_telemetry::propagate::inject_http(request.headers_mut());
    if let Some(secret) = &state.mesh_secret {
        request
            .headers_mut()
            .insert(shoal_rpc::MESH, secret.clone());
    }
    // Until the head of the answer: a body is held up by its reader.
    let _place = context.stop_or(service.place()).await??;
    let colour = context.meta().colour_for(service.name());
    let instances = service.instances(colour)?;
    let dependency = service.dependency(colour);
    let attempt = dependency
        .attempt(&context)
        .map_err(|rejected| held_down(service.name(), rejected))?;
    // A service that answers is there, whatever its answer and whenever: one
    // failing or slow route must not close the others.
    let answer = context
        .stop_or(try_each(state, route, service, &instances, request))
        .await;
    attempt.ended(match &answer {
        Ok(Ok(_)) => Verdict::Answered,
        // The client's own fault, found while its body was passed on.
        Ok(Err(error)) if error.kind().http_status().is_client_error() => Verdict::Neither,
        Ok(Err(_)) => Verdict::Failed,
        Err(_) if context.token().is_cancelled() => Verdict::Neither,
        Err(_) => Verdict::OutOfTime,
    });
    answer?
}

fn held_down(service: &str, rejected: Rejected) -> Error {
    let text = format!("The service {service} is held to be down, so it was not asked.");
    let again = rejected
        .retry_after
        .unwrap_or(std::time::Duration::from_secs(1));
    Error::new(CommonCode::Unavailable, text).with_retry_after(again)
}

/// Tries the instances in turn, as far as the request can be sent again. A
/// connection that could not be opened sends it to the next instance; one that
/// ended without an answer sends a request that may be repeated once more, on a
/// connection of its own: a service may close a kept connection at any moment.
async fn try_each(
    state: &State,
    route: &Route,
    service: &Service,
    targets: &[(Arc<Target>, Lane)],
    request: Request<Body>,
) -> Result<Response<Body>> {
    let kind = route.kind_of(request.method());
    let mut copies = repeat::Copies::of(request).await?;
    let mut failure = None;
    let mut broken_off = false;
    let mut fallen_back = false;
    let mut turns = targets.iter().cycle().take(targets.len() + 1);
    while let Some((target, lane)) = turns.next()
        && let Some(mut copy) = copies.next()
    {
        if *lane == Lane::Fallback && !std::mem::replace(&mut fallen_back, true) {
            count_fallback(service);
        }
        let instance = &target.instance;
        *copy.uri_mut() = uri_at(instance, copy.uri())?;
        let call = target.begin(kind);
        let answer = state.upstream.send(service, copy);
        let answer = if targets.len() > 1 {
            call.wait(answer).await
        } else {
            answer.await
        };
        let error = match answer {
            Ok(response) => {
                judge(call, &response);
                return Ok(response.map(Body::new));
            }
            Err(error) => error,
        };
        if let Some(fault) = copies.fault() {
            call.says_nothing();
            return Err(fault);
        }
        if error.is_connect() {
            call.unreachable();
        } else {
            call.broke_off();
        }
        tracing::warn!(service = service.name(), instance = %instance.id, %error, "upstream failed");
        let again = error.is_connect() || (copies.idempotent() && !broken_off);
        broken_off |= !error.is_connect();
        failure = Some(error);
        if !again {
            break;
        }
    }
    Err(unavailable(service.name(), failure))
}

fn count_fallback(service: &Service) {
    if let Some(colour) = Context::current().meta().colour_for(service.name()) {
        service.fell_back(colour);
    }
}

/// What an answer says about the instance that gave it. A failure of the service
/// itself does no harm here: its other instances fail alike.
fn judge<B>(call: InstanceCall, answer: &Response<B>) {
    match answer.status() {
        // Refused at its door: it is busy, or the time was short.
        _ if answer.headers().contains_key(SHED) => call.says_nothing(),
        StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE => call.failed(),
        // Perhaps the caller gave it too little.
        StatusCode::GATEWAY_TIMEOUT => call.timed_out(),
        StatusCode::TOO_MANY_REQUESTS => call.says_nothing(),
        _ => call.answered(),
    }
}

fn uri_at(instance: &Instance, asked: &Uri) -> Result<Uri> {
    let path = asked
        .path_and_query()
        .map_or("/", uri::PathAndQuery::as_str);
    let at = Uri::builder()
        .scheme("http")
        .authority(instance.addr.as_str());
    at.path_and_query(path).build().map_err(Error::internal)
}

fn unavailable(service: &str, failure: Option<hyper_util::client::legacy::Error>) -> Error {
    let connected = failure.as_ref().is_some_and(|error| !error.is_connect());
    let error = if connected {
        Error::new(
            CommonCode::BadUpstream,
            format!("The service {service} broke off."),
        )
    } else {
        Error::new(
            CommonCode::Unavailable,
            format!("The service {service} is away."),
        )
        .with_retry_after(std::time::Duration::from_secs(1))
    };
    match failure {
        Some(source) => error.with_source(source),
        None => error,
    }
}
