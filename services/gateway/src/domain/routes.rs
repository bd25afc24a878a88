//! Which service a path belongs to.

use std::sync::Arc;

use crate::config::RouteConfig;

/// Routes with the longest prefix first.
#[derive(Debug)]
pub(crate) struct Routes(Vec<(String, Arc<str>)>);

impl Routes {
    /// # Errors
    /// A sentence that names the route which is not right.
    pub(crate) fn new(routes: &[RouteConfig]) -> Result<Self, String> {
        let mut table: Vec<(String, Arc<str>)> = Vec::with_capacity(routes.len());
        for route in routes {
            let prefix = &route.prefix;
            if !prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//") {
                return Err(format!(
                    "prefix {prefix:?} must be whole segments such as \"/order\""
                ));
            }
            if table.iter().any(|(known, _)| known == prefix) {
                return Err(format!("prefix {prefix:?} stands twice"));
            }
            table.push((prefix.clone(), route.service.as_str().into()));
        }
        table.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self(table))
    }

    /// The service of the longest prefix that ends at a segment's end.
    pub(crate) fn find(&self, path: &str) -> Option<&Arc<str>> {
        let fits = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.iter().find(|(prefix, _)| fits(prefix)).map(|(_, service)| service)
    }

    /// Each service once, by name.
    pub(crate) fn services(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.0.iter().map(|(_, service)| Arc::clone(service)).collect();
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
            })
            .collect();
        Routes::new(&list)
    }

    #[test]
    fn the_longest_prefix_wins_at_a_segments_end() {
        let routes = routes(&[("/a", "short"), ("/a/b", "long")]).unwrap();
        let find = |path| routes.find(path).map(|s| &**s);
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
        assert!(routes(&[("/a", "x"), ("/a", "y")]).unwrap_err().contains("twice"));
    }

    proptest! {
        #[test]
        fn a_path_never_reaches_a_service_whose_prefix_it_lacks(path in "/[a-c/]{0,8}") {
            let routes = routes(&[("/a", "/a"), ("/a/b", "/a/b"), ("/c", "/c")]).unwrap();
            if let Some(prefix) = routes.find(&path) {
                prop_assert!(path.starts_with(&**prefix));
            }
        }
    }
}
