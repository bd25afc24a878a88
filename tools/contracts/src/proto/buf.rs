//! Breaking changes and lint of proto contracts, as `buf` finds them.
