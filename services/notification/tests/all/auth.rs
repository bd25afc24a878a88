//! Auth as far as notification calls it, over real gRPC.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shoal_proto::auth::v1::auth_service_server::{AuthService, AuthServiceServer};
use shoal_proto::auth::v1::{
    BatchGetUsersRequest, BatchGetUsersResponse, GetJwksRequest, GetJwksResponse, GetUserRequest,
    GetUserResponse, IntrospectRequest, IntrospectResponse, ListUsersRequest, ListUsersResponse,
    User,
};
use shoal_task::Scope;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

#[derive(Clone)]
struct Directory {
    users: Arc<HashMap<String, String>>,
    calls: Arc<AtomicUsize>,
}

/// Listens until it is dropped.
pub(super) struct FakeAuth {
    pub(super) addr: SocketAddr,
    calls: Arc<AtomicUsize>,
    scope: Scope,
}

impl FakeAuth {
    /// Knows these users by id and address.
    pub(super) async fn start(users: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let scope = Scope::root("fake-auth");
        let calls = Arc::new(AtomicUsize::new(0));
        let users = users
            .iter()
            .map(|(id, email)| ((*id).to_owned(), (*email).to_owned()));
        let directory = Directory {
            users: Arc::new(users.collect()),
            calls: Arc::clone(&calls),
        };
        let token = scope.token().clone();
        drop(scope.spawn_detached_context("serve", async move {
            tonic::transport::Server::builder()
                .add_service(AuthServiceServer::new(directory))
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
                    token.cancelled().await;
                })
                .await
        }));
        Self { addr, calls, scope }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for FakeAuth {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuthService for Directory {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Answer<GetUserResponse> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let id = request.into_inner().user_id;
        let email = self
            .users
            .get(&id)
            .ok_or_else(|| Status::not_found("no such user"))?;
        let user = User {
            id,
            email: email.clone(),
            ..User::default()
        };
        Ok(Response::new(GetUserResponse { user: Some(user) }))
    }

    async fn introspect(&self, _: Request<IntrospectRequest>) -> Answer<IntrospectResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn batch_get_users(
        &self,
        _: Request<BatchGetUsersRequest>,
    ) -> Answer<BatchGetUsersResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn list_users(&self, _: Request<ListUsersRequest>) -> Answer<ListUsersResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Answer<GetJwksResponse> {
        Err(Status::unimplemented("not called"))
    }
}
