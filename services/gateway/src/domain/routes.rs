//! Which service a path belongs to.

use std::sync::Arc;

use http::Method;

use crate::config::RouteConfig;

/// Routes with the longest prefix first.
#[derive(Debug)]
pub(crate) struct Routes(Vec<Route>);

/// Where the paths below one prefix go.
#[derive(Debug)]
pub(crate) struct Route {
    /// Label of the route in metrics, e.g. `/order/*`.
    pub(crate) label: Arc<str>,
    pub(crate) service: Arc<str>,
    pub(crate) check_tokens: bool,
    prefix: String,
    reads: String,
    writes: String,
}

impl Route {
    /// Requests whose latencies are compared with each other. By path alone more
    /// kinds could be told apart, but paths are the invention of clients; which
    /// instance gets which is left to the turn, so all get the same mixture.
    pub(crate) fn kind_of(&self, method: &Method) -> &str {
        match *method {
            Method::GET | Method::HEAD => &self.reads,
            _ => &self.writes,
        }
    }
}

impl Routes {
    /// # Errors
    /// A sentence that names the route which is not right.
    pub(crate) fn new(routes: &[RouteConfig]) -> Result<Self, String> {
        let mut table: Vec<Route> = Vec::with_capacity(routes.len());
        for route in routes {
            let prefix = &route.prefix;
            if !prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//") {
                return Err(format!(
                    "prefix {prefix:?} must be whole segments such as \"/order\""
                ));
            }
            if table.iter().any(|known| known.prefix == *prefix) {
                return Err(format!("prefix {prefix:?} stands twice"));
            }
            table.push(Route {
                label: format!("{prefix}/*").into(),
                service: route.service.as_str().into(),
                check_tokens: route.check_tokens,
                prefix: prefix.clone(),
                reads: format!("read {prefix}/*"),
                writes: format!("write {prefix}/*"),
            });
        }
        table.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        Ok(Self(table))
    }

    /// The route of the longest prefix that ends at a segment's end.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        let fits = |prefix: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.iter().find(|route| fits(&route.prefix))
    }

    /// Each service once, by name.
    pub(crate) fn services(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self
            .0
            .iter()
            .map(|route| Arc::clone(&route.service))
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(pairs: &[(&str, &str)]) -> Result<Routes, String> {
        let list: Vec<_> = pairs
            .iter()
            .map(|(prefix, service)| RouteConfig {
                prefix: (*prefix).into(),
                service: (*service).into(),
                check_tokens: true,
            })
            .collect();
        Routes::new(&list)
    }

    #[test]
    fn the_longest_prefix_wins_at_a_segments_end() {
        let routes = routes(&[("/a", "short"), ("/a/b", "long")]).unwrap();
        let find = |path| routes.find(path).map(|route| &*route.service);
        assert_eq!(find("/a/b/c"), Some("long"));
        assert_eq!(find("/a/bc"), Some("short"));
        assert_eq!(find("/a"), Some("short"));
        assert_eq!(find("/ab"), None);
        assert_eq!(find("/"), None);
    }

    #[test]
    fn a_route_that_could_never_be_meant_is_refused() {
        for bad in ["order", "/order/", "//", ""] {
            assert!(routes(&[(bad, "x")]).is_err(), "{bad:?}");
        }
        assert!(
            routes(&[("/a", "x"), ("/a", "y")])
                .unwrap_err()
                .contains("twice")
        );
    }

    proptest! {
        #[test]
        fn a_path_never_reaches_a_service_whose_prefix_it_lacks(path in "/[a-c/]{0,8}") {
            let routes = routes(&[("/a", "/a"), ("/a/b", "/a/b"), ("/c", "/c")]).unwrap();
            if let Some(route) = routes.find(&path) {
                prop_assert!(path.starts_with(&route.prefix));
            }
        }
    }
}
