//! Which events are written.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

use crate::config::InitError;

/// The configured filter for events; spans of level INFO and above always
/// pass, as a line takes its trace id from them.
pub(crate) struct LogFilter(Targets);

impl LogFilter {
    pub(crate) fn parse(filter: &str) -> Result<Self, InitError> {
        let targets = filter.parse::<Targets>().map_err(|e| InitError::Filter {
            filter: filter.to_owned(),
            reason: e.to_string(),
        })?;
        Ok(Self(targets))
    }

    fn passes(&self, meta: &Metadata<'_>) -> bool {
        (meta.is_span() && *meta.level() <= Level::INFO)
            || self.0.would_enable(meta.target(), meta.level())
    }
}

impl<S: Subscriber> Filter<S> for LogFilter {
    fn enabled(&self, meta: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.passes(meta)
    }

    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        if self.passes(meta) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let events = self
            .0
            .iter()
            .map(|(_, level)| level)
            .max()
            .unwrap_or(LevelFilter::OFF);
        let default = self.0.default_level().unwrap_or(LevelFilter::OFF);
        Some(events.max(default).max(LevelFilter::INFO))
    }
}
