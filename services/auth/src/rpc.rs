//! The gRPC interface for neighbours: parse, call [`crate::app`], render.

use shoal_error::{Error, Result};
use shoal_proto::auth::v1::auth_service_server::AuthService;
use shoal_proto::auth::v1::{
    BatchGetUsersRequest, BatchGetUsersResponse, GetJwksRequest, GetJwksResponse, GetUserRequest,
    GetUserResponse, IntrospectRequest, IntrospectResponse, ListUsersRequest, ListUsersResponse,
    User as UserMessage, UserStatus,
};
use shoal_store::PageRequest;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::app::oauth::{ActiveToken, TokenKind};
use crate::domain::user::{Status as AccountStatus, User};

/// Most ids of one batch.
const MAX_BATCH: usize = 100;

/// Serves the contract.
#[derive(Clone)]
pub(crate) struct AuthRpc(pub(crate) App);

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl AuthService for AuthRpc {
    async fn introspect(&self, request: Request<IntrospectRequest>) -> Answer<IntrospectResponse> {
        let found = self.0.introspect(&request.into_inner().token).await?;
        let answer = found.map_or_else(IntrospectResponse::default, |t| self.introspection(t));
        Ok(Response::new(answer))
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Answer<GetUserResponse> {
        let user = self.0.user(&request.into_inner().user_id).await?;
        Ok(Response::new(GetUserResponse {
            user: Some(message(user)),
        }))
    }

    async fn batch_get_users(
        &self,
        request: Request<BatchGetUsersRequest>,
    ) -> Answer<BatchGetUsersResponse> {
        let ids = batch(request.into_inner().user_ids)?;
        let users = self.0.users_by_id(&ids).await?;
        let missing = ids
            .into_iter()
            .filter(|id| users.iter().all(|user| user.id != *id))
            .collect();
        let users = users.into_iter().map(message).collect();
        Ok(Response::new(BatchGetUsersResponse { users, missing }))
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Answer<ListUsersResponse> {
        let ListUsersRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let page = PageRequest {
            limit: (page_size > 0).then_some(page_size),
            cursor: (!page_token.is_empty()).then_some(page_token),
        };
        let page = self.0.users(&page).await?;
        Ok(Response::new(ListUsersResponse {
            users: page.items.into_iter().map(message).collect(),
            next_page_token: page.next_cursor.unwrap_or_default(),
        }))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Answer<GetJwksResponse> {
        Ok(Response::new(GetJwksResponse {
            jwks_json: self.0.keys.jwks().to_string(),
            max_age_seconds: i64::from(self.0.config.keys.jwks_max_age_s),
        }))
    }
}

impl AuthRpc {
    fn introspection(&self, token: ActiveToken) -> IntrospectResponse {
        let is_access = token.kind == TokenKind::Access;
        IntrospectResponse {
            active: true,
            subject: token.subject,
            session_id: token.session_id.unwrap_or_default(),
            token_type: if is_access {
                "access_token"
            } else {
                "refresh_token"
            }
            .to_owned(),
            roles: token.roles,
            expires_at: token.expires_at_s,
            issued_at: token.issued_at_s,
            issuer: self.0.issuer.clone(),
            audience: if is_access {
                vec![self.0.audience.clone()]
            } else {
                Vec::new()
            },
            token_id: token.token_id.unwrap_or_default(),
            client_id: token.client_id.unwrap_or_default(),
        }
    }
}

/// The ids sorted, each once.
fn batch(mut ids: Vec<String>) -> Result<Vec<String>> {
    if ids.is_empty() || ids.len() > MAX_BATCH {
        return Err(Error::invalid_field("user_ids", "must have 1 to 100 items"));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn message(user: User) -> UserMessage {
    let status = match user.status {
        AccountStatus::Active => UserStatus::Active,
        AccountStatus::Suspended => UserStatus::Suspended,
    };
    UserMessage {
        id: user.id,
        email: user.email.as_str().to_owned(),
        email_verified: user.email_verified_at_ms.is_some(),
        display_name: user.display_name,
        roles: user.roles,
        status: status.into(),
        created_at_ms: user.created_at_ms,
        updated_at_ms: user.updated_at_ms,
    }
}
