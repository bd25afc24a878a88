//! Federated releases: each module's version, changelog and tag.
