//! Sagas (C16): a sequence of steps over several services that is done as a
//! whole or undone as a whole, whatever fails and whenever a process dies.
//!
//! The rules are pure ([`machine`]): state and event in, state and effects out.
//! Around them, [`Sagas`] keeps a durable log in the service's own database, in
//! which every attempt of a step and of a compensation stands before it runs.
//! A saga is started in the transaction of the caller, so an order and its saga
//! exist together or not at all. It belongs to an instance by a lease; when the
//! instance dies, another one goes on where the log ends, in the same trace and
//! with the same request metadata. Steps are idempotent by contract: each is told
//! a key that stays the same over attempts and crashes.
//!
//! A step that failed is compensated too, unless it is certain that it left
//! nothing behind: a lost answer is not a refusal. A compensation that cannot be
//! done, and a step after the point of no return, is parked for a person, counted,
//! listed ([`Sagas::parked`]) and resumed ([`Sagas::decide`]).
//!
//! Rejected: two-phase commit (payment providers do not take part); a workflow
//! engine beside the service (one more server to run, and starting a saga would
//! not be atomic with the service's own change); replaying the step functions
//! against a recorded history, as such engines do (they must then be deterministic,
//! which nobody can check); a DAG of steps, as steno has it (ours are lines).

mod chance;
mod claim;
mod definition;
mod drive;
mod failure;
mod faults;
mod letters;
mod log;
pub mod machine;
mod metrics;
mod people;
mod runner;
mod settings;

pub use definition::{Saga, Step, StepContext};
pub use failure::Failure;
pub use faults::{FAULTS_VARIABLE, FaultSyntax, Faults};
pub use people::{Decision, LogLine, SagaView};
pub use runner::{Outcome, Sagas, SagasBuilder};
pub use settings::SagaSettings;

/// Tables of sagas; a service adds them to its own with
/// `shoal_store::migrations!("order").with(shoal_saga::migrations())`.
#[must_use]
pub fn migrations() -> shoal_store::Migrations {
    shoal_store::migrations!("saga")
}
