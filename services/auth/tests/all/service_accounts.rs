//! Service accounts: made, listed, renewed, disabled.

use serde_json::{Value, json};
use shoal_testkit::TestDb;

use super::support::{World, basic};

async fn token(w: &World, client: &(String, String)) -> shoal_testkit::TestResponse {
    w.form(
        "/auth/v1/oauth/token",
        &[("grant_type", "client_credentials")],
    )
    .header("authorization", &basic(&client.0, &client.1))
    .send()
    .await
}

#[tokio::test]
async fn an_account_is_listed_without_its_secret() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let (id, secret) = w
            .service_account("warehouse", &["introspect", "clerk", "clerk"])
            .await;
        let admin = w.admin().await;
        let list = w
            .service
            .get("/auth/v1/service-accounts")
            .bearer(&admin.access_token);
        let answer = list.send().await.expect(200);
        assert!(!answer.text().contains(&secret));
        let page: Value = answer.json();
        assert_eq!(page["items"][0]["client_id"], json!(id));
        assert_eq!(page["items"][0]["roles"], json!(["clerk", "introspect"]));
        assert_eq!(page["items"][0]["created_by"], admin.user["id"]);

        let again = w
            .service
            .post("/auth/v1/service-accounts")
            .bearer(&admin.access_token);
        let refused = again.json(&json!({ "name": "warehouse" })).send().await;
        refused.problem(409, "auth.service_account_exists");
        let plain =
            "SELECT CAST(COUNT(*) AS BIGINT) FROM service_accounts WHERE secret_hash LIKE 'scs%'";
        assert_eq!(w.count(plain).await, 0);
        w.stop().await;
    }
}

#[tokio::test]
async fn a_renewed_secret_replaces_the_old_one() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let old = w.service_account("warehouse", &[]).await;
        token(&w, &old).await.expect(200);
        let admin = w.admin().await;
        let path = format!("/auth/v1/service-accounts/{}/secret", old.0);
        let renew = w.service.post(&path).bearer(&admin.access_token);
        let renewed: Value = renew.send().await.ok(200);
        let new = (
            old.0.clone(),
            renewed["client_secret"].as_str().unwrap().to_owned(),
        );
        token(&w, &old).await.expect(401);
        token(&w, &new).await.expect(200);
        w.stop().await;
    }
}

#[tokio::test]
async fn a_disabled_account_gets_and_keeps_nothing() {
    for db in TestDb::all().await {
        let w = World::start(&db).await;
        let checker = w.service_account("checker", &["introspect"]).await;
        let robot = w.service_account("robot", &["admin"]).await;
        let issued: Value = token(&w, &robot).await.ok(200);
        let access = issued["access_token"].as_str().unwrap();
        // A service account with the role may administrate.
        w.service
            .get("/auth/v1/users")
            .bearer(access)
            .send()
            .await
            .expect(200);
        // But it is nobody: what is for people is closed to it.
        w.me(access).send().await.problem(403, "auth.user_only");
        assert_eq!(w.introspect(&checker, access).await["active"], true);

        let admin = w.admin().await;
        let path = format!("/auth/v1/service-accounts/{}", robot.0);
        let disable = || w.service.delete(&path).bearer(&admin.access_token);
        disable().send().await.expect(204);
        disable()
            .send()
            .await
            .problem(404, "auth.service_account_not_found");
        token(&w, &robot).await.expect(401);
        assert_eq!(
            w.introspect(&checker, access).await,
            json!({ "active": false })
        );
        let users = w.service.get("/auth/v1/users").bearer(access).send().await;
        users.problem(401, "auth.session_ended");
        let renew = w
            .service
            .post(&format!("{path}/secret"))
            .bearer(&admin.access_token);
        renew
            .send()
            .await
            .problem(404, "auth.service_account_not_found");
        w.stop().await;
    }
}
