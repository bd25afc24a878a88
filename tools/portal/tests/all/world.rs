//! The platform with the built site, once for all tests, and what they need of
//! the machine.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use shoal_up::{Options, Up};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::browser::Browser;

/// Longest that anything in a browser may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Every kind of page, by one of its kind.
pub(crate) const KINDS: &[&str] = &[
    "",
    "errors",
    "events",
    "modules",
    "handbook/",
    "handbook/architecture.html",
    "handbook/adr/0007-saga.html",
    "services/order/current/",
    "services/order/current/api.html",
    "services/order/current/events.html",
    "services/order/current/grpc.html",
    "services/order/current/errors.html",
    "services/order/current/settings.html",
    "services/order/current/downloads.html",
    "services/order/changelog.html",
    "services/order/changes.html",
    "services/order/graph.html",
    "there-is-no-such-page",
];

/// What all tests share.
pub(crate) struct World {
    runtime: Runtime,
    up: Up,
    site: PathBuf,
    // One browser at a time: two cores draw no two pages at once.
    turn: Mutex<()>,
    _data: TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(World::start);

/// Runs a test in a browser of its own, against the running platform. What the
/// browser complained about or asked of others fails the test.
pub(crate) fn browse<F: Future<Output = ()>>(test: impl FnOnce(Browser) -> F) {
    let world = &*WORLD;
    let _turn = world.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let home = format!("http://{}/docs/", world.up.addresses.gateway);
    world.runtime.block_on(Browser::visit(&home, test));
}

/// Folder of the built site.
pub(crate) fn site() -> &'static Path {
    &WORLD.site
}

/// Products of the demonstration catalogue.
pub(crate) fn products() -> &'static [String] {
    &WORLD.up.products
}

/// A folder for one test.
pub(crate) fn folder() -> TempDir {
    let base = std::env::var_os("TEST_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
    TempDir::with_prefix_in("portal-", base).unwrap()
}

/// A path that the build hands over.
pub(crate) fn given(name: &str, what: &str) -> PathBuf {
    let path = std::env::var_os(name);
    let path = PathBuf::from(path.unwrap_or_else(|| panic!("set {name} to {what}")));
    std::path::absolute(&path).unwrap()
}

impl World {
    fn start() -> Self {
        let site = given(
            "SHOAL_PORTAL",
            "the built site, as `./bazelw test //tools/portal/...` does",
        );
        let data = folder();
        let runtime = Runtime::new().unwrap();
        let options = Options {
            port: 0,
            data_dir: data.path().to_owned(),
            portal: Some(site.clone()),
            ..Options::default()
        };
        let up = runtime.block_on(Up::start(&options)).unwrap();
        Self {
            runtime,
            up,
            site,
            turn: Mutex::new(()),
            _data: data,
        }
    }
}
