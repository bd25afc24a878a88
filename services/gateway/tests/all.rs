//! Integration tests of the gateway, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod agreement;
    mod breaker;
    mod docs;
    mod documents;
    mod gray;
    mod gray_rules;
    mod instances;
    mod limits;
    mod passing;
    mod repeating;
    mod share;
    mod tokens;

    use shoal_gateway::Gateway;
    use shoal_testkit::{HttpSink, TestService, TestServiceBuilder};

    /// A gateway in front of one recorded upstream that plays every service.
    pub(crate) async fn in_front_of(sink: &HttpSink) -> TestService<Gateway> {
        toward(sink).start_without_database().await
    }

    /// The same, for a test that sets more.
    pub(crate) fn toward(sink: &HttpSink) -> TestServiceBuilder<Gateway> {
        ["auth", "billing", "order", "notification"]
            .into_iter()
            .fold(TestService::<Gateway>::builder(), |builder, name| {
                builder.peer(name, sink.addr())
            })
    }
}
