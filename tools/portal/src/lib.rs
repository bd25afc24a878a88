//! The documentation portal: a static site of every module's contract.
