//! The gateway's own operations; everything else is passed on.

pub(crate) mod gray;
pub(crate) mod health;
pub(crate) mod openapi;
pub(crate) mod traces;

/// What the operations are grouped by.
pub(crate) const TAGS: [(&str, &str); 2] = [
    ("gateway", "What the gateway answers itself."),
    (
        "gray rules",
        "Which requests get a colour, and who changed that. For administrators.",
    ),
];
