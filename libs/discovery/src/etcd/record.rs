//! Instances as their records in etcd say them.
//!
//! ```json
//! {"id":"10.0.0.7:8083","addr":"10.0.0.7:8083","version":"1.4.2","labels":{"gray":"v2"},"weight":100,"state":"serving"}
//! ```
//!
//! All but `addr` may be left out, and unknown members are passed over: the
//! records of newer and older versions stand side by side during a release.

use crate::config::is_address;
use crate::{FullInstance, Instance, InstanceConfig};

pub(crate) fn write(instance: &Instance) -> Vec<u8> {
    // A struct of texts, numbers and a map by text always has a JSON form.
    serde_json::to_vec(instance).unwrap_or_default()
}

/// # Errors
/// What is wrong with the record, for the log.
pub(crate) fn read(id: &str, value: &[u8]) -> Result<Instance, String> {
    let json: serde_json::Value = serde_json::from_slice(value).map_err(|e| e.to_string())?;
    let member = |name: &str| json.get(name).cloned();
    let addr = member("addr").and_then(|addr| addr.as_str().map(str::to_owned));
    let addr = addr.ok_or("it has no addr")?;
    if !is_address(&addr) {
        return Err(format!("{addr:?} is not an address of the form host:port"));
    }
    let mut known = serde_json::Map::new();
    for name in ["version", "labels", "weight", "state"] {
        if let Some(value) = member(name) {
            known.insert(name.to_owned(), value);
        }
    }
    known.insert("addr".to_owned(), addr.into());
    let full: FullInstance = serde_json::from_value(known.into()).map_err(|e| e.to_string())?;
    let mut instance = Instance::from(InstanceConfig::Full(full));
    // The key is what makes it unique, whatever the record says.
    id.clone_into(&mut instance.id);
    Ok(instance)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::InstanceState;

    #[test]
    fn what_is_written_is_read() {
        let mut instance = Instance::at("10.0.0.7:8083");
        instance.labels.insert("gray".into(), "v2".into());
        instance.version = "1.4.2".into();
        instance.state = InstanceState::Draining;
        assert_eq!(read("10.0.0.7:8083", &write(&instance)).unwrap(), instance);
    }

    #[test]
    fn a_record_needs_nothing_but_an_address_and_may_hold_more_than_we_know() {
        let read = read("a", br#"{"addr":"h:1","zone":{"name":"b"}}"#).unwrap();
        assert_eq!(
            (read.id.as_str(), read.weight),
            ("a", Instance::DEFAULT_WEIGHT)
        );
        assert!(read.takes_work());
    }

    #[test]
    fn a_record_that_nobody_could_call_is_refused() {
        for bad in [
            "",
            "7",
            "{}",
            r#"{"addr":7}"#,
            r#"{"addr":"h"}"#,
            r#"{"addr":"h:0"}"#,
            r#"{"addr":"h:1","state":"odd"}"#,
            r#"{"addr":"h:1","weight":-1}"#,
        ] {
            assert!(read("a", bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
