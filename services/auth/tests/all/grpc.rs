//! The gRPC interface: the same answers, and only inside the mesh.

use shoal_error::Error;
use shoal_proto::auth::v1::auth_service_client::AuthServiceClient;
use shoal_proto::auth::v1::{
    BatchGetUsersRequest, GetJwksRequest, GetUserRequest, IntrospectRequest, ListUsersRequest,
    UserStatus,
};
use shoal_testkit::TestDb;

use super::support::{World, text};

#[tokio::test]
async fn users_are_found_by_id_and_in_batches() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let ada = text(&w.register("ada@example.com").await["id"]);
        let eve = text(&w.register("eve@example.com").await["id"]);
        let mut grpc = w.grpc();
        let found = grpc
            .get_user(GetUserRequest {
                user_id: ada.clone(),
            })
            .await
            .unwrap();
        let user = found.into_inner().user.unwrap();
        assert_eq!(
            (user.email.as_str(), user.email_verified),
            ("ada@example.com", false)
        );
        assert_eq!(user.status(), UserStatus::Active);

        let missing = grpc
            .get_user(GetUserRequest {
                user_id: "usr_none".into(),
            })
            .await;
        let error = Error::from_status(missing.unwrap_err());
        assert_eq!(error.code(), "auth.user_not_found");

        let user_ids = vec![eve.clone(), "usr_none".into(), ada.clone(), eve.clone()];
        let batch = grpc
            .batch_get_users(BatchGetUsersRequest { user_ids })
            .await
            .unwrap();
        let batch = batch.into_inner();
        let ids: Vec<_> = batch.users.iter().map(|u| u.id.clone()).collect();
        assert_eq!(ids, [ada, eve]);
        assert_eq!(batch.missing, ["usr_none"]);
        for user_ids in [Vec::new(), vec!["usr_x".to_owned(); 101]] {
            let refused = grpc
                .batch_get_users(BatchGetUsersRequest { user_ids })
                .await;
            assert_eq!(
                Error::from_status(refused.unwrap_err()).code(),
                "common.invalid_field"
            );
        }
        w.stop().await;
    }
}

#[tokio::test]
async fn all_users_come_in_pages() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        for n in 0..4 {
            w.register(&format!("user{n}@example.com")).await;
        }
        let mut grpc = w.grpc();
        let (mut emails, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListUsersRequest {
                page_size: 2,
                page_token,
            };
            let page = grpc.list_users(request).await.unwrap().into_inner();
            emails.extend(page.users.into_iter().map(|u| u.email));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(emails.len(), 5);
        assert_eq!(
            emails[1..],
            (0..4)
                .map(|n| format!("user{n}@example.com"))
                .collect::<Vec<_>>()
        );
        for (page_size, page_token, code) in [
            (101, "", "common.invalid_query"),
            (1, "nonsense", "common.invalid_cursor"),
        ] {
            let page_token = page_token.to_owned();
            let refused = grpc
                .list_users(ListUsersRequest {
                    page_size,
                    page_token,
                })
                .await;
            assert_eq!(Error::from_status(refused.unwrap_err()).code(), code);
        }
        w.stop().await;
    }
}

#[tokio::test]
async fn introspection_knows_tokens_sessions_and_keys() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let tokens = w.newcomer("ada@example.com").await;
        let mut grpc = w.grpc();
        let mut ask = async |token: &str| {
            let request = IntrospectRequest {
                token: token.to_owned(),
                token_type_hint: String::new(),
            };
            grpc.introspect(request).await.unwrap().into_inner()
        };
        let access = ask(&tokens.access_token).await;
        assert!(access.active);
        assert_eq!(access.subject, text(&tokens.user["id"]));
        assert_eq!(access.session_id, tokens.session_id);
        assert_eq!(
            (access.token_type.as_str(), access.audience),
            ("access_token", vec!["shoal".into()])
        );
        let refresh = ask(&tokens.refresh_token).await;
        assert_eq!(
            (refresh.active, refresh.token_type.as_str()),
            (true, "refresh_token")
        );
        assert_eq!(ask("nonsense").await, Default::default());

        w.service
            .post("/auth/v1/logout")
            .bearer(&tokens.access_token)
            .send()
            .await
            .expect(204);
        assert_eq!(ask(&tokens.access_token).await, Default::default());
        assert_eq!(ask(&tokens.refresh_token).await, Default::default());

        let jwks = grpc.get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
        let published = w.service.get("/.well-known/jwks.json").send().await.text();
        assert_eq!(jwks.jwks_json, published);
        assert_eq!(jwks.max_age_seconds, 300);
        w.stop().await;
    }
}

#[tokio::test]
async fn callers_without_the_mesh_secret_are_refused() {
    let db = TestDb::sqlite();
    let w = World::start(&db).await;
    let admin = w.admin().await;
    let mut outside = AuthServiceClient::new(w.channel().await);
    let user_id = text(&admin.user["id"]);
    let mut request = tonic::Request::new(GetUserRequest { user_id });
    let bearer = format!("Bearer {}", admin.access_token).parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let refused = outside.get_user(request).await.unwrap_err();
    let allowed = [tonic::Code::Unauthenticated, tonic::Code::PermissionDenied];
    assert!(allowed.contains(&refused.code()), "{refused:?}");
    w.stop().await;
}
