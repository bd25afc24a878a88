//! Rules on structure: operations, parameters, bodies, answers, security, modules, proto.

use super::Rule;
use crate::report::Severity::{self, Breaking, Info, Warning};

/// id, severity, what changed, who notices.
type Row = (&'static str, Severity, &'static str, &'static str);

/// A family, what to do about its graver findings, and its rules.
type Family = (&'static str, &'static str, &'static [Row]);

#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    ("Paths and operations", "Keep it beside the new one and mark it deprecated, or raise the major version.", &[
        ("path-added", Info, "the path is new", "nobody"),
        ("path-removed", Breaking, "the path is gone", "callers of any operation of the path"),
        ("path-parameter-renamed", Info, "a parameter of the path has another name", "nobody who calls over HTTP; generated clients name it differently"),
        ("operation-added", Info, "the operation is new", "nobody"),
        ("operation-removed", Breaking, "the operation is gone without having been deprecated", "callers of the operation"),
        ("operation-removed-before-sunset", Breaking, "the deprecated operation is gone before its sunset", "callers that trusted the date"),
        ("operation-removed-after-sunset", Warning, "the deprecated operation is gone after its sunset", "callers that did not move in time"),
        ("operation-deprecated", Info, "the operation is deprecated", "callers, who should move"),
        ("operation-undeprecated", Info, "the operation is no longer deprecated", "nobody"),
        ("operation-sunset-earlier", Warning, "the deprecated operation goes sooner than announced", "callers that trusted the date"),
        ("operation-id-added", Info, "the operation has an id now", "nobody"),
        ("operation-id-changed", Warning, "the operation has another id", "users of generated clients, whose method has another name"),
        ("operation-id-removed", Warning, "the operation has no id any more", "users of generated clients, whose method has another name"),
        ("tag-added", Info, "the operation has a further tag", "nobody; generated clients may group it differently"),
        ("tag-removed", Info, "the operation lacks a tag", "nobody; generated clients may group it differently"),
        ("server-added", Info, "a server is new", "nobody"),
        ("server-removed", Warning, "a server is gone", "callers that took the address from the document"),
    ]),
    ("Parameters", "Keep accepting what was sent before, or raise the major version.", &[
        ("request-parameter-added", Info, "an optional parameter is new", "nobody"),
        ("required-request-parameter-added", Breaking, "a required parameter is new", "callers that do not send it"),
        ("required-request-parameter-with-default-added", Breaking, "a required parameter with a default is new", "callers that do not send it: a default does not fill what is required"),
        ("request-parameter-removed", Breaking, "a parameter is gone", "callers that send it: it is refused or ignored"),
        ("deprecated-request-parameter-removed", Warning, "a deprecated parameter is gone", "callers that still send it"),
        ("request-parameter-moved", Breaking, "a parameter is sent in another place", "callers that send it where it was"),
        ("request-parameter-became-required", Breaking, "a parameter became required", "callers that do not send it"),
        ("request-parameter-became-optional", Info, "a parameter became optional", "nobody"),
        ("request-parameter-style-changed", Breaking, "a parameter is written in another style", "callers that send it"),
        ("request-parameter-explode-changed", Breaking, "a parameter's lists are written in another way", "callers that send several values"),
        ("request-parameter-reserved-refused", Breaking, "reserved characters must be escaped in a parameter", "callers that send them as they are"),
        ("request-parameter-reserved-allowed", Info, "reserved characters may stand in a parameter", "nobody"),
        ("request-parameter-empty-refused", Breaking, "a parameter may not be empty any more", "callers that send it without a value"),
        ("request-parameter-empty-allowed", Info, "a parameter may be empty", "nobody"),
        ("request-parameter-content-changed", Breaking, "a parameter is of another media type", "callers that send it"),
        ("request-parameter-deprecated", Info, "a parameter is deprecated", "callers, who should stop sending it"),
        ("request-parameter-undeprecated", Info, "a parameter is no longer deprecated", "nobody"),
    ]),
    ("Request bodies", "Keep accepting what was sent before, or raise the major version.", &[
        ("request-body-added", Info, "an optional body is new", "nobody"),
        ("required-request-body-added", Breaking, "a required body is new", "callers that send none"),
        ("request-body-removed", Breaking, "the body is gone", "callers that send one: it is refused or ignored"),
        ("request-body-became-required", Breaking, "the body became required", "callers that send none"),
        ("request-body-became-optional", Info, "the body became optional", "nobody"),
        ("request-media-type-added", Info, "a further media type is accepted", "nobody"),
        ("request-media-type-removed", Breaking, "a media type is not accepted any more", "callers that send it"),
        ("request-encoding-changed", Breaking, "a part of the body is encoded in another way", "callers that send the part"),
    ]),
    ("Responses", "Keep answering what was answered before, or raise the major version.", &[
        ("response-success-status-added", Warning, "a further status of success is answered", "callers that compare with the statuses they know"),
        ("response-success-status-removed", Breaking, "a status of success is not answered any more", "callers that wait for it"),
        ("response-error-status-added", Info, "a further status of failure is answered", "nobody who handles failures by class"),
        ("response-error-status-removed", Info, "a status of failure is not answered any more", "nobody"),
        ("response-fallback-added", Info, "an answer for all other statuses is described", "nobody"),
        ("response-fallback-removed", Warning, "the answer for all other statuses is not described any more", "callers that read it"),
        ("response-media-type-added", Info, "a further media type is answered", "nobody who says what they accept"),
        ("response-media-type-removed", Breaking, "a media type is not answered any more", "callers that read it"),
        ("response-body-added", Info, "the answer has a body now", "nobody"),
        ("response-header-added", Info, "a header is new", "nobody"),
        ("response-header-removed", Warning, "an optional header is gone", "callers that read it"),
        ("required-response-header-removed", Breaking, "a header that was always there is gone", "callers that read it"),
        ("response-header-became-optional", Breaking, "a header may be missing now", "callers that rely on it"),
        ("response-header-became-required", Info, "a header is always there now", "nobody"),
        ("response-header-deprecated", Info, "a header is deprecated", "callers, who should stop reading it"),
        ("response-link-removed", Warning, "a link is gone", "callers that follow it"),
        ("response-link-added", Info, "a link is new", "nobody"),
        ("error-code-added", Info, "the operation can fail with a further code", "nobody who treats unknown codes by their status"),
        ("error-code-removed", Info, "the operation does not fail with a code any more", "nobody"),
    ]),
    ("Security", "Keep the old way in beside the new one, or raise the major version.", &[
        ("security-required", Breaking, "a caller must prove who it is", "anonymous callers"),
        ("security-lifted", Info, "anonymous callers are let in", "nobody"),
        ("security-alternative-added", Info, "there is a further way to prove who one is", "nobody"),
        ("security-alternative-removed", Breaking, "a way to prove who one is is gone", "callers that use it"),
        ("security-scope-added", Breaking, "a further scope is needed", "callers whose token lacks it"),
        ("security-scope-removed", Info, "a scope is not needed any more", "nobody"),
        ("security-scheme-added", Info, "a security scheme is new", "nobody"),
        ("security-scheme-removed", Breaking, "a security scheme is gone", "callers that use it"),
        ("security-scheme-type-changed", Breaking, "a security scheme is of another type", "callers that use it"),
        ("security-scheme-location-changed", Breaking, "the key is sent in another place", "callers that use it"),
        ("security-scheme-format-changed", Warning, "the token has another format", "callers that look into it"),
        ("oauth-flow-added", Info, "an OAuth flow is new", "nobody"),
        ("oauth-flow-removed", Breaking, "an OAuth flow is gone", "callers that use it"),
        ("oauth-url-changed", Warning, "an address of OAuth or OpenID Connect is another one", "callers that have it in their settings"),
        ("oauth-scope-added", Info, "an OAuth scope is new", "nobody"),
        ("oauth-scope-removed", Breaking, "an OAuth scope is gone", "callers that ask for it"),
    ]),
    ("Webhooks and callbacks", "Keep sending what was sent before, or raise the major version.", &[
        ("webhook-added", Info, "the webhook is new", "nobody who did not ask for it"),
        ("webhook-removed", Breaking, "the webhook is gone", "receivers that wait for it"),
        ("callback-added", Info, "a callback is new", "nobody who did not ask for it"),
        ("callback-removed", Breaking, "a callback is gone", "receivers that wait for it"),
        ("webhook-method-added", Info, "it is called with a further method", "nobody"),
        ("webhook-method-removed", Breaking, "it is not called with a method any more", "receivers that wait for it"),
        ("webhook-body-added", Info, "it comes with a body now", "nobody"),
        ("webhook-body-removed", Breaking, "it comes without a body", "receivers that read it"),
        ("webhook-body-became-optional", Breaking, "it may come without a body", "receivers that read it"),
        ("webhook-body-became-required", Info, "it always comes with a body", "nobody"),
        ("webhook-media-type-added", Breaking, "it may come in a further media type", "receivers that read only the others"),
        ("webhook-media-type-removed", Warning, "it does not come in a media type any more", "receivers that read only that"),
        ("webhook-parameter-added", Info, "a parameter is new", "nobody"),
        ("webhook-parameter-removed", Breaking, "a parameter is gone", "receivers that read it"),
        ("webhook-parameter-became-optional", Breaking, "a parameter may be missing", "receivers that rely on it"),
        ("webhook-parameter-became-required", Info, "a parameter is always there", "nobody"),
        ("webhook-response-added", Info, "a further answer is understood", "nobody"),
        ("webhook-response-removed", Breaking, "an answer is not understood any more", "receivers that give it"),
        ("webhook-response-media-type-removed", Breaking, "an answer's media type is not understood any more", "receivers that answer in it"),
        ("webhook-response-media-type-added", Info, "an answer's further media type is understood", "nobody"),
    ]),
    ("Error catalogue", "Keep the code as it was and add a new one, or raise the major version.", &[
        ("error-code-new", Info, "a code is new", "nobody who treats unknown codes by their status"),
        ("error-code-gone", Breaking, "a code is gone", "callers that handle it"),
        ("error-code-status-changed", Breaking, "a code comes with another HTTP status", "callers that handle the status"),
        ("error-code-grpc-changed", Breaking, "a code comes with another gRPC status", "callers that handle the status"),
        ("error-code-action-changed", Info, "a code advises another action", "people who follow the advice"),
    ]),
    ("Module", "Offer the old one beside the new one, or raise the major version.", &[
        ("module-added", Info, "the module is new", "nobody"),
        ("module-removed", Breaking, "the module is gone", "everybody who uses it"),
        ("grpc-service-added", Info, "a gRPC service is new", "nobody"),
        ("grpc-service-removed", Breaking, "a gRPC service is gone", "callers of the service"),
        ("event-added", Info, "an event is new", "nobody"),
        ("event-removed", Breaking, "an event is not published any more", "consumers of the event"),
        ("consumed-event-added", Info, "it consumes a further event", "the publisher, whose event has a further reader"),
        ("consumed-event-removed", Info, "it does not consume an event any more", "nobody"),
        ("call-added", Info, "it calls a further module", "operators, who need that module too"),
        ("call-removed", Info, "it does not call a module any more", "nobody"),
        ("contract-file-removed", Breaking, "a part of the contract is gone", "everybody who uses that part"),
        ("contract-file-added", Info, "a part of the contract is new", "nobody"),
    ]),
    ("Protocol buffers", "Keep the old beside the new, or start a package with the next version.", &[
        ("proto-breaking", Breaking, "buf finds a breaking change", "callers compiled from the old files, or those that read their bytes"),
        ("proto-lint", Warning, "buf finds a breach of style", "people who read the files"),
    ]),
    ("Versions", "Raise the version in Cargo.toml, or take the change back.", &[
        ("version-too-low", Breaking, "the change needs a greater step of the version", "everybody who trusts the number"),
        ("version-went-back", Breaking, "the version is lower than it was", "everybody who trusts the number"),
    ]),
    ("Changelogs", "Say below `## Unreleased` in the module's CHANGELOG.md what its users notice.", &[
        ("changelog-entry-missing", Breaking, "the module changed and its changelog does not say so", "everybody who reads it before moving"),
    ]),
];

/// Every rule on structure.
pub(super) fn rules() -> impl Iterator<Item = Rule> {
    FAMILIES.iter().flat_map(|(family, fix, rows)| {
        rows.iter().map(move |(id, severity, about, affects)| Rule {
            id: (*id).to_owned(),
            severity: *severity,
            family,
            about: (*about).to_owned(),
            affects: (*affects).to_owned(),
            advice: match severity {
                Info => "Nothing to do.".to_owned(),
                Warning | Breaking => (*fix).to_owned(),
            },
        })
    })
}
