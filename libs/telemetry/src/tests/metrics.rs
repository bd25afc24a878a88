use std::time::Duration;

use crate::metrics::{self, Dependency, Outcome, RpcClientMetrics, RpcServerMetrics, Saturation};

const TOOK: Duration = Duration::from_millis(3);

#[test]
fn calls_and_dependencies_are_counted_by_what_they_are() {
    RpcServerMetrics::new("m-served").finish("shoal.x.v1.X/Do", 0, TOOK);
    RpcClientMetrics::new("m-made", "billing").finish("shoal.x.v1.X/Do", 14, TOOK);
    Dependency::new("m-sql", "sqlite").finish("select", Outcome::Ok, TOOK);
    let text = metrics::encode();
    for line in [
        "shoal_rpc_server_duration_seconds_count{service=\"m-served\",method=\"shoal.x.v1.X/Do\",code=\"OK\"} 1",
        "shoal_rpc_client_duration_seconds_count{service=\"m-made\",dependency=\"billing\",method=\"shoal.x.v1.X/Do\",code=\"UNAVAILABLE\"} 1",
        "shoal_dependency_duration_seconds_count{service=\"m-sql\",dependency=\"sqlite\",operation=\"select\",outcome=\"ok\"} 1",
    ] {
        assert!(text.contains(line), "{line} not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn an_operation_that_is_dropped_counts_as_cancelled() {
    let dependency = Dependency::new("m-drop", "redis");
    drop(dependency.start("get"));
    let result: Result<(), ()> = dependency.start("set").stop_with(Err(()));
    assert!(result.is_err());
    let text = metrics::encode_for("m-drop");
    assert!(
        text.contains("operation=\"get\",outcome=\"cancelled\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("operation=\"set\",outcome=\"error\"} 1"),
        "{text}"
    );
}

#[test]
fn a_bounded_thing_shows_how_full_it_is() {
    let queue = Saturation::new("m-full", "queue", "mail", 8);
    let place = queue.enter();
    let _waits = queue.wait();
    queue.reject();
    let labels = "service=\"m-full\",kind=\"queue\",name=\"mail\"";
    let value = |name: &str| {
        let text = metrics::encode();
        let start = format!("{name}{{{labels}}} ");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(start.as_str()))
            .unwrap();
        line.parse::<i64>().unwrap()
    };
    assert_eq!(value("shoal_saturation_capacity"), 8);
    assert_eq!(value("shoal_saturation_used"), 1);
    assert_eq!(value("shoal_saturation_waiting"), 1);
    assert_eq!(value("shoal_saturation_rejected_total"), 1);
    drop(place);
    assert_eq!(value("shoal_saturation_used"), 0);
}

#[test]
fn one_service_does_not_show_the_metrics_of_its_neighbours() {
    RpcServerMetrics::new("m-own").finish("x", 0, TOOK);
    RpcServerMetrics::new("m-neighbour").finish("x", 0, TOOK);
    let text = metrics::encode_for("m-own");
    assert!(text.contains("service=\"m-own\""));
    assert!(!text.contains("m-neighbour"), "{text}");
    assert!(text.contains("# TYPE shoal_rpc_server_duration_seconds histogram"));
}

#[test]
fn a_caller_who_invents_names_fills_no_memory() {
    let metrics = RpcServerMetrics::new("m-names");
    for at in 0..2_000 {
        metrics.finish(&format!("invented/{at}"), 12, TOOK);
    }
    let text = metrics::encode_for("m-names");
    let series = text.matches("_count{service=\"m-names\"").count();
    assert_eq!(series, 513, "512 names and \"other\"");
    assert!(
        text.contains("method=\"other\",code=\"UNIMPLEMENTED\"} 1488"),
        "{series}"
    );
}
