//! What billing counts besides what the chassis counts.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use shoal_telemetry::metrics::register;

use crate::domain::operation::OperationKind;
use crate::engine::{Received, Verdict};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    service: &'static str,
    kind: &'static str,
    answer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallbackLabels {
    service: &'static str,
    outcome: &'static str,
}

static ANSWERS: LazyLock<Family<AnswerLabels, Counter>> = LazyLock::new(|| {
    let help = "What asking the payment provider led to";
    register("billing_provider_answers", help, Family::default())
});

static CALLBACKS: LazyLock<Family<CallbackLabels, Counter>> = LazyLock::new(|| {
    let help = "Callbacks that were received from the payment provider";
    register("billing_provider_callbacks", help, Family::default())
});

/// Counts what asking the provider led to.
pub(crate) fn count_verdict(kind: OperationKind, verdict: &Verdict) {
    let answer = match verdict {
        Verdict::Approved => "approved",
        Verdict::Declined(_) => "declined",
        Verdict::NeverHappened(_) => "never_happened",
        Verdict::Unknown {
            unreachable: true, ..
        } => "unreachable",
        Verdict::Unknown { .. } => "unknown",
    };
    let labels = AnswerLabels {
        service: "billing",
        kind: kind.as_str(),
        answer,
    };
    ANSWERS.get_or_create(&labels).inc();
}

/// Counts a callback of the provider.
pub(crate) fn count_callback(received: Received) {
    let outcome = match received {
        Received::Settled => "settled",
        Received::Duplicate => "duplicate",
        Received::Unknown => "unknown",
    };
    let labels = CallbackLabels {
        service: "billing",
        outcome,
    };
    CALLBACKS.get_or_create(&labels).inc();
}
