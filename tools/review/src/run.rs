//! Running other programs: within their time, in worktrees, until somebody says stop.

pub mod bazel;
pub mod process;
pub mod worktree;
