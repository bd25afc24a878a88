//! The review contract: plan, check, report.
