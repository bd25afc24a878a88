//! Integration tests of order through its interfaces, one binary.
