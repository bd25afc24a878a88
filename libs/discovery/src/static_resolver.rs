//! Instances from configuration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{ConfigError, DiscoveryConfig, Instance, Instances, Resolver, Watch};

/// A resolver whose lists are set by hand: from configuration at the start, by
/// [`StaticResolver::set`] later (the one-process mode does so once its
/// listeners know their ports). Clones share.
#[derive(Clone, Debug, Default)]
pub struct StaticResolver {
    services: Arc<Mutex<HashMap<String, watch::Sender<Instances>>>>,
}

impl StaticResolver {
    /// An empty resolver.
    pub fn new() -> Self {
        Self::default()
    }

    /// A resolver with the configured instances.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn from_config(config: &DiscoveryConfig) -> Result<Self, ConfigError> {
        let resolver = Self::new();
        for (service, list) in config.instances()? {
            resolver.set(&service, list);
        }
        Ok(resolver)
    }

    /// Replaces the instances of `service`; watches wake when the list differs.
    pub fn set(&self, service: &str, instances: impl IntoIterator<Item = Instance>) {
        let mut list: Vec<_> = instances.into_iter().collect();
        list.sort_by(|a, b| a.id.cmp(&b.id));
        self.sender(service).send_if_modified(|known| {
            let changed = *known.list != *list;
            if changed {
                known.revision += 1;
                known.list = list.into();
            }
            changed
        });
    }

    /// Changes one instance, e.g. to drain it. Does nothing when it is unknown.
    pub fn update(&self, service: &str, id: &str, change: impl FnOnce(&mut Instance)) {
        let mut list = self.resolve(service).list.to_vec();
        if let Some(instance) = list.iter_mut().find(|instance| instance.id == id) {
            change(instance);
            self.set(service, list);
        }
    }

    fn sender(&self, service: &str) -> watch::Sender<Instances> {
        let mut services = self.services();
        if let Some(known) = services.get(service) {
            return known.clone();
        }
        let sender = watch::Sender::default();
        services.insert(service.to_owned(), sender.clone());
        sender
    }

    fn services(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Instances>>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver for StaticResolver {
    fn resolve(&self, service: &str) -> Instances {
        self.services()
            .get(service)
            .map(|known| known.borrow().clone())
            .unwrap_or_default()
    }

    fn watch(&self, service: &str) -> Watch {
        Watch::new(self.sender(service).subscribe())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{InstanceConfig, InstanceState};

    fn addrs(instances: &Instances) -> Vec<&str> {
        instances.list.iter().map(|i| i.addr.as_str()).collect()
    }

    #[tokio::test]
    async fn a_watch_sees_each_change_and_a_late_watch_sees_the_last() {
        let resolver = StaticResolver::new();
        let mut watch = resolver.watch("billing");
        assert!(watch.current().list.is_empty());

        resolver.set(
            "billing",
            [Instance::at("127.0.0.1:2"), Instance::at("127.0.0.1:1")],
        );
        let list = watch.changed().await.unwrap();
        assert_eq!(addrs(&list), ["127.0.0.1:1", "127.0.0.1:2"]);

        resolver.update("billing", "127.0.0.1:1", |i| {
            i.state = InstanceState::Draining;
        });
        let newer = watch.changed().await.unwrap();
        assert!(newer.revision > list.revision);
        assert!(!newer.list[0].takes_work());
        assert_eq!(resolver.watch("billing").current(), newer);
    }

    #[test]
    fn setting_the_same_list_again_wakes_nobody() {
        let resolver = StaticResolver::new();
        let mut watch = resolver.watch("order");
        resolver.set("order", [Instance::at("127.0.0.1:1")]);
        assert!(watch.take_change().is_some());
        resolver.set("order", [Instance::at("127.0.0.1:1")]);
        assert!(watch.take_change().is_none());
    }

    #[test]
    fn a_watch_outlives_its_resolver_with_the_last_good_list() {
        let resolver = StaticResolver::new();
        resolver.set("order", [Instance::at("127.0.0.1:1")]);
        let mut watch = resolver.watch("order");
        drop(resolver);
        assert_eq!(addrs(&watch.take_change().unwrap()), ["127.0.0.1:1"]);
        assert!(watch.take_change().is_none());
        assert_eq!(addrs(&watch.current()), ["127.0.0.1:1"]);
    }

    #[test]
    fn instances_are_read_from_settings_in_both_forms() {
        let config: DiscoveryConfig = serde_json::from_value(serde_json::json!({"services": {
            "billing": ["127.0.0.1:8082", {"addr": "[::1]:8082", "weight": 5, "labels": {"gray": "v2"}}],
        }}))
        .unwrap();
        let list = StaticResolver::from_config(&config)
            .unwrap()
            .resolve("billing")
            .list;
        assert_eq!(list[0].weight, Instance::DEFAULT_WEIGHT);
        assert_eq!((list[1].weight, list[1].labels["gray"].as_str()), (5, "v2"));
    }

    #[test]
    fn unusable_settings_are_refused_with_the_key_that_is_wrong() {
        for bad in [
            "localhost",
            ":80",
            "host:",
            "host:0",
            "http://host:1",
            "::1:80",
            "a b:1",
        ] {
            let mut config = DiscoveryConfig::default();
            config.set("order", bad);
            let error = StaticResolver::from_config(&config)
                .unwrap_err()
                .to_string();
            assert!(error.contains("discovery.services.order"), "{bad}: {error}");
        }
        let mut config = DiscoveryConfig::default();
        let twice = InstanceConfig::Address("h:1".into());
        config
            .services
            .insert("order".into(), vec![twice.clone(), twice]);
        let error = StaticResolver::from_config(&config).unwrap_err();
        assert!(matches!(error, ConfigError::DuplicateId { .. }));
    }
}
