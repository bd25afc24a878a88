//! The servers of now.

use std::time::Duration;

use serde_json::{Value, json};
use shoal_testkit::TestClient;
use shoal_up::{Options, Up};
use tempfile::TempDir;

use super::contracts::{Promise, compile, present_protos};
use super::{grpc, http, proto, shop};

/// Longest that stopping may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Platform {
    up: Up,
    mesh: String,
    token: String,
    _folder: TempDir,
}

impl Platform {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            port: 0,
            data_dir: folder.path().to_owned(),
            ..Options::default()
        };
        let up = Up::start(&options).await.unwrap();
        let mesh = shoal_service::mesh_secret_of_folder(folder.path())
            .unwrap()
            .expose()
            .to_owned();
        let gateway = TestClient::new(format!("http://{}", up.addresses.gateway));
        let password = std::fs::read_to_string(&up.admin.password_file).unwrap();
        let login = json!({"email": up.admin.email, "password": password.trim()});
        let tokens: Value = gateway
            .post("/auth/v1/login")
            .json(&login)
            .send()
            .await
            .ok(200);
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        Self {
            up,
            mesh,
            token,
            _folder: folder,
        }
    }

    /// What a client of that contract finds otherwise than promised.
    pub(crate) async fn keeps(&self, promise: &Promise) -> Vec<String> {
        let name = format!("{}-{}", promise.module, promise.version);
        let address = self.address(&promise.module);
        let mut client = http::Client::new(&format!("http://{address}"), &self.token, &name);
        let mut faults = client.drive(&promise.openapi).await;
        let package = format!("shoal.{}.v1", promise.module);
        let (old, new) = (promise.pool(), compile(&present_protos()));
        if !old
            .services()
            .any(|service| service.package_name() == package)
        {
            return faults;
        }
        faults.extend(proto::disagreements(&package, &old, &new));
        let client = grpc::Client::connect(old, new, &address, &self.mesh).await;
        faults.extend(client.unanswered(&package).await);
        if promise.module == "order" {
            faults.extend(shop::buy(&client, &name).await);
        }
        faults
    }

    fn address(&self, module: &str) -> String {
        let services = self.up.addresses.services();
        let found = services
            .iter()
            .find(|(name, _)| *name == module)
            .map(|(_, address)| *address);
        found.unwrap_or(self.up.addresses.gateway).to_string()
    }

    pub(crate) async fn stop(self) {
        self.up.shutdown(SOON).await;
    }
}
