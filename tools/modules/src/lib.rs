//! The modules of the workspace: versions, owners, changelogs, history.
