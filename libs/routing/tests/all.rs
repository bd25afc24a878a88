//! Tests of the rules, the choice of instances and the rollback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all {
    mod checks;
    mod precedence;
    mod rollback;
    mod select;
    mod shares;

    use std::collections::BTreeSet;

    use http::{HeaderMap, HeaderName, HeaderValue};
    use shoal_routing::{Decision, Request, Rules};

    /// Rules as a file has them.
    pub(crate) fn rules(text: &str) -> Rules {
        rules_without(text, &[])
    }

    /// The same with some of them paused.
    pub(crate) fn rules_without(text: &str, paused: &[&str]) -> Rules {
        let paused: BTreeSet<String> = paused.iter().map(|name| (*name).to_owned()).collect();
        Rules::new(toml::from_str(text).unwrap(), &paused).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A request to be asked about.
    #[derive(Clone)]
    pub(crate) struct Asked {
        pub(crate) user: Option<String>,
        pub(crate) headers: HeaderMap,
        pub(crate) path: String,
        pub(crate) service: String,
        pub(crate) now_ms: i64,
    }

    impl Asked {
        pub(crate) fn by(user: &str) -> Self {
            Self {
                user: (!user.is_empty()).then(|| user.to_owned()),
                headers: HeaderMap::new(),
                path: "/order/v1/orders".to_owned(),
                service: "order".to_owned(),
                now_ms: 1_764_000_000_000,
            }
        }

        pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
            let value = HeaderValue::from_str(value).unwrap();
            self.headers.append(HeaderName::from_static(name), value);
            self
        }

        pub(crate) fn decision(&self, rules: &Rules) -> Decision {
            rules.decide(&Request {
                user: self.user.as_deref(),
                headers: &self.headers,
                path: &self.path,
                service: &self.service,
                now_ms: self.now_ms,
            })
        }

        /// The colour that it gets.
        pub(crate) fn colour(&self, rules: &Rules) -> Option<String> {
            match self.decision(rules) {
                Decision::Coloured(coloured) => Some(coloured.colour.to_string()),
                Decision::Plain(_) => None,
            }
        }
    }
}
