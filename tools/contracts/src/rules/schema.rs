//! Rules on schemas: one row per change, a severity per profile.

use super::Rule;
use crate::report::Severity;

/// For what a schema is used; decides whom a change hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Callers send it: the new one must accept what the old one accepted.
    Request,
    /// Callers receive it: the new one may only produce what the old one allowed.
    Response,
    /// Published events, read with old and new code: both of the above.
    Event,
    /// Settings: every old file must still load.
    Setting,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 4] = [Self::Request, Self::Response, Self::Event, Self::Setting];

    /// First part of the ids of its rules.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Event => "event",
            Self::Setting => "setting",
        }
    }

    fn family(self) -> &'static str {
        match self {
            Self::Request => "Schemas of what is sent",
            Self::Response => "Schemas of what is answered",
            Self::Event => "Schemas of events",
            Self::Setting => "Schemas of settings",
        }
    }

    fn affects(self, effect: Effect, who: &str) -> String {
        match (self, effect) {
            (Self::Request, Effect::Widened) => "nobody: callers may go on as before".to_owned(),
            (Self::Response, Effect::Narrowed | Effect::Lost) => {
                format!("readers that rely on {who}")
            }
            (Self::Setting, Effect::Widened) => "nobody: old files load as before".to_owned(),
            (Self::Request, _) => format!("callers that send {who}"),
            (Self::Response, _) => format!("readers that receive {who}"),
            (Self::Event, Effect::Narrowed) => {
                format!("new consumers that read events already published with {who}")
            }
            (Self::Event, _) => format!("old consumers that receive {who}"),
            (Self::Setting, _) => format!("operators whose file has {who}"),
        }
    }

    fn advice(self, severity: Severity, fix: &str) -> String {
        if severity == Severity::Info {
            return "Nothing to do.".to_owned();
        }
        let otherwise = match self {
            Self::Request | Self::Response => {
                "or raise the major version and serve both for a while"
            }
            Self::Event => "or publish it as a new event type with the next version number",
            Self::Setting => "or raise the major version and tell how to move in the changelog",
        };
        format!("{fix}, {otherwise}.")
    }
}

/// What a change does to the set of values that a schema accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Fewer values.
    Narrowed,
    /// More values.
    Widened,
    /// Other values.
    Changed,
    /// Other values, as something that was always there is not.
    Lost,
    /// The same values; something else is said about them.
    Told,
}

/// slug, effect, severities (request, response, event, setting), what changed, who, what to do.
type Row = (
    &'static str,
    Effect,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

use Effect::{Changed, Lost, Narrowed, Told, Widened};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("any-value-refused", Narrowed, "BIBB", "no value is accepted any more", "any value", "Keep a schema that accepts the old values"),
    ("any-value-allowed", Widened, "IBBI", "values are accepted where none was", "a value", "Leave it refused"),
    ("type-narrowed", Narrowed, "BIBB", "a type is not allowed any more", "a value of that type", "Keep the type"),
    ("type-widened", Widened, "IBBI", "a further type is allowed", "a value of that type", "Put the new type into a new property"),
    ("type-changed", Changed, "BBBB", "the type is another one", "a value of either type", "Add a property of the new type and deprecate this one"),
    ("null-refused", Narrowed, "BIBB", "null is not allowed any more", "null", "Keep accepting null"),
    ("null-allowed", Widened, "IBBI", "null is allowed now", "null", "Leave the property out instead of sending null"),
    ("enum-added", Narrowed, "BIBB", "values are limited to a list", "a value that is not listed", "Leave the value free"),
    ("enum-lifted", Widened, "IBBI", "values are no longer limited to a list", "a value that was not listed", "Keep the list"),
    ("enum-value-removed", Narrowed, "BIBB", "values are gone from the list", "a removed value", "Keep the value and deprecate it"),
    ("enum-value-added", Widened, "IBBI", "values are new in the list", "a value that they do not know", "Offer the new value only to callers that ask for it"),
    ("minimum-raised", Narrowed, "BIBB", "the lower bound is higher", "a smaller number", "Keep the bound"),
    ("minimum-lowered", Widened, "IBBI", "the lower bound is lower or gone", "a smaller number", "Keep the bound"),
    ("maximum-lowered", Narrowed, "BIBB", "the upper bound is lower", "a larger number", "Keep the bound"),
    ("maximum-raised", Widened, "IBBI", "the upper bound is higher or gone", "a larger number", "Keep the bound"),
    ("multiple-of-tightened", Narrowed, "BIBB", "numbers must be multiples of more", "another number", "Keep the step"),
    ("multiple-of-loosened", Widened, "IBBI", "numbers need not be multiples of as much", "another number", "Keep the step"),
    ("min-length-raised", Narrowed, "BIBB", "texts must be longer", "a shorter text", "Keep the length"),
    ("min-length-lowered", Widened, "IBBI", "texts may be shorter", "a shorter text", "Keep the length"),
    ("max-length-lowered", Narrowed, "BIBB", "texts must be shorter", "a longer text", "Keep the length"),
    ("max-length-raised", Widened, "IBBI", "texts may be longer", "a longer text", "Keep the length"),
    ("pattern-added", Narrowed, "BIBB", "texts must match a further pattern", "a text that does not match", "Leave the pattern out"),
    ("pattern-removed", Widened, "IBBI", "texts need not match a pattern any more", "a text that does not match", "Keep the pattern"),
    ("pattern-changed", Changed, "BBBB", "texts must match another pattern", "a text of the other pattern", "Keep the pattern"),
    ("format-narrowed", Narrowed, "BIBB", "the format admits less", "a value that does not have it", "Keep the format"),
    ("format-widened", Widened, "IBBI", "the format admits more", "a value that does not have it", "Keep the format"),
    ("format-changed", Changed, "BBBB", "the format is another one", "a value of the other format", "Add a property of the new format and deprecate this one"),
    ("content-changed", Changed, "BBBB", "the text is encoded in another way", "a text of the other encoding", "Keep the encoding"),
    ("min-items-raised", Narrowed, "BIBB", "lists must be longer", "a shorter list", "Keep the length"),
    ("min-items-lowered", Widened, "IBBI", "lists may be shorter", "a shorter list", "Keep the length"),
    ("max-items-lowered", Narrowed, "BIBB", "lists must be shorter", "a longer list", "Keep the length"),
    ("max-items-raised", Widened, "IBBI", "lists may be longer", "a longer list", "Keep the length"),
    ("unique-items-required", Narrowed, "BIBB", "items must differ", "a list with equal items", "Keep accepting equal items"),
    ("unique-items-lifted", Widened, "IBBI", "items may be equal", "a list with equal items", "Keep items different"),
    ("contains-added", Narrowed, "BIBB", "lists must contain an item of a kind", "a list without it", "Leave the demand out"),
    ("contains-removed", Widened, "IBBI", "lists need not contain an item of a kind", "a list without it", "Keep the demand"),
    ("contains-changed", Changed, "BBBB", "lists must contain other items", "a list with the other items", "Keep the demand"),
    ("property-added", Widened, "IIII", "an optional property is new", "the property", "Nothing"),
    ("property-added-closed", Widened, "IBBI", "an optional property is new where the schema promised that there are no others", "the property and check strictly", "Open the schema in one release and add the property in the next"),
    ("required-property-added", Narrowed, "BIBB", "a required property is new", "values without it", "Make it optional and give a default"),
    ("required-property-with-default-added", Narrowed, "BIBB", "a required property with a default is new", "values without it", "Take it out of `required`, as the default fills it only then"),
    ("property-removed", Narrowed, "WWBB", "an optional property is gone", "the property", "Keep it and mark it deprecated"),
    ("required-property-removed", Lost, "WBBB", "a required property is gone", "the property", "Keep it and mark it deprecated"),
    ("property-refused", Narrowed, "BWBB", "an optional property is gone and unknown ones are refused", "the property", "Keep it and mark it deprecated"),
    ("required-property-refused", Lost, "BBBB", "a required property is gone and unknown ones are refused", "the property", "Keep it and mark it deprecated"),
    ("property-became-required", Narrowed, "BIBB", "a property became required", "values without it", "Leave it optional"),
    ("property-became-optional", Widened, "IBBI", "a property is no longer required", "values without it", "Always send it"),
    ("object-closed", Narrowed, "BIBB", "unknown properties are refused now", "further properties", "Leave the schema open"),
    ("object-opened", Widened, "IWWI", "unknown properties are allowed now", "further properties and check strictly", "Tell readers to ignore what they do not know"),
    ("additional-narrowed", Narrowed, "BIBB", "unknown properties must have a type now", "further properties of another type", "Leave them untyped"),
    ("additional-widened", Widened, "IBBI", "unknown properties may be of any type now", "further properties of another type", "Keep their type"),
    ("pattern-properties-added", Narrowed, "BIBB", "properties of a naming pattern must have a type now", "such properties of another type", "Leave them untyped"),
    ("pattern-properties-removed", Changed, "BBBB", "properties of a naming pattern are gone", "such properties", "Keep the pattern"),
    ("min-properties-raised", Narrowed, "BIBB", "objects must have more properties", "an object with fewer", "Keep the number"),
    ("min-properties-lowered", Widened, "IBBI", "objects may have fewer properties", "an object with fewer", "Keep the number"),
    ("max-properties-lowered", Narrowed, "BIBB", "objects must have fewer properties", "an object with more", "Keep the number"),
    ("max-properties-raised", Widened, "IBBI", "objects may have more properties", "an object with more", "Keep the number"),
    ("dependent-required-added", Narrowed, "BIBB", "a property demands another one now", "the one without the other", "Leave them independent"),
    ("dependent-required-removed", Widened, "IBBI", "a property no longer demands another one", "the one without the other", "Always send both"),
    ("not-added", Narrowed, "BIBB", "values of a kind are excluded", "an excluded value", "Leave the exclusion out"),
    ("not-removed", Widened, "IBBI", "values of a kind are no longer excluded", "a value that was excluded", "Keep the exclusion"),
    ("not-changed", Changed, "BBBB", "other values are excluded", "a value that is excluded on one side", "Keep the exclusion"),
    ("condition-added", Narrowed, "BIBB", "a condition (if/then/else) is new", "a value that does not meet it", "Leave the condition out"),
    ("condition-removed", Widened, "IBBI", "a condition (if/then/else) is gone", "a value that did not meet it", "Keep the condition"),
    ("condition-changed", Changed, "BBBB", "a condition (if/then/else) is another one", "a value that meets only one of them", "Keep the condition"),
    ("branch-removed", Narrowed, "BIBB", "an alternative is gone", "the alternative", "Keep the alternative and deprecate it"),
    ("branch-added", Widened, "IBBI", "an alternative is new", "an alternative that they do not know", "Offer it only to callers that ask for it"),
    ("branches-overlap", Changed, "WWWW", "alternatives of oneOf changed and can hold at once, which makes a value invalid", "a value that fits two alternatives", "Tell the alternatives apart by a required property with one value each"),
    ("discriminator-added", Narrowed, "WIWW", "a discriminator is new", "values without it", "Make the property required only where it always was"),
    ("discriminator-removed", Widened, "IWWI", "the discriminator is gone", "values and choose by it", "Keep the discriminator"),
    ("discriminator-changed", Changed, "BBBB", "the discriminator is another property", "values and choose by it", "Keep the discriminator"),
    ("discriminator-value-removed", Narrowed, "BIBB", "a value of the discriminator is gone", "the value", "Keep the value"),
    ("discriminator-value-added", Widened, "IBBI", "a value of the discriminator is new", "a value that they do not know", "Offer it only to callers that ask for it"),
    ("discriminator-value-moved", Changed, "BBBB", "a value of the discriminator means another alternative", "the value", "Use a new value"),
    ("default-added", Told, "IIII", "a default is new", "values without it", "Nothing"),
    ("default-changed", Told, "WIWW", "the default is another one", "nothing and rely on the default", "Keep the default"),
    ("default-removed", Told, "WIWW", "the default is gone", "nothing and rely on the default", "Keep the default"),
    ("became-read-only", Told, "WIII", "the property is ignored when sent", "the property", "Keep honouring it"),
    ("became-writable", Told, "IIII", "the property may be sent now", "the property", "Nothing"),
    ("became-write-only", Told, "IBBI", "the property is not answered any more", "values and read the property", "Keep answering it"),
    ("became-readable", Told, "IIII", "the property is answered now", "the property", "Nothing"),
    ("deprecated", Told, "IIII", "it is deprecated now", "it", "Nothing"),
    ("undeprecated", Told, "IIII", "it is no longer deprecated", "it", "Nothing"),
];

/// Every rule on schemas.
pub(super) fn rules() -> impl Iterator<Item = Rule> {
    ROWS.iter().flat_map(|row| {
        let of = |(profile, mark): (Profile, char)| rule(row, profile, mark);
        Profile::ALL
            .into_iter()
            .zip(row.2.chars())
            .map(of)
            .collect::<Vec<_>>()
    })
}

fn rule(row: &Row, profile: Profile, mark: char) -> Rule {
    let (slug, effect, _, about, who, fix) = row;
    let severity = match mark {
        'B' => Severity::Breaking,
        'W' => Severity::Warning,
        _ => Severity::Info,
    };
    Rule {
        id: format!("{}-{slug}", profile.prefix()),
        severity,
        family: profile.family(),
        about: (*about).to_owned(),
        affects: profile.affects(*effect, who),
        advice: profile.advice(severity, fix),
    }
}

/// The effect of the change; a slug that no row has counts as the gravest.
pub(super) fn effect(slug: &str) -> Effect {
    ROWS.iter().find(|r| r.0 == slug).map_or(Changed, |r| r.1)
}
