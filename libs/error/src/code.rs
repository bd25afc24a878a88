//! Codes: what can go wrong, as a list that programs and people read.

use ::http::StatusCode;

/// Class of failure. Fixes the HTTP and the gRPC status; the code says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 400: the request is wrong in itself.
    InvalidArgument,
    /// 401: no valid credentials.
    Unauthenticated,
    /// 402: the payment was refused.
    PaymentRequired,
    /// 403: known, but not allowed.
    PermissionDenied,
    /// 404: not there, or not the caller's to see.
    NotFound,
    /// 405: the resource has no such method.
    MethodNotAllowed,
    /// 406: none of the accepted representations can be made.
    NotAcceptable,
    /// 409: the state does not allow it.
    Conflict,
    /// 410: was there, is not any more.
    Gone,
    /// 413: the body is over the limit.
    PayloadTooLarge,
    /// 415: the body's content type is not read here.
    UnsupportedMediaType,
    /// 422: well-formed, but contradicts something known.
    Unprocessable,
    /// 429: the caller exceeded a limit of its own.
    ResourceExhausted,
    /// 431: the request's headers are over the limit.
    HeadersTooLarge,
    /// 499: the caller went away.
    Cancelled,
    /// 500: our fault.
    Internal,
    /// 501: not built.
    Unimplemented,
    /// 502: a dependency answered nonsense.
    BadGateway,
    /// 503: not now; try again.
    Unavailable,
    /// 504: the deadline passed.
    DeadlineExceeded,
}

/// Kind, name on the wire, HTTP status, gRPC code.
type Row = (Kind, &'static str, u16, tonic::Code);

const TABLE: [Row; 20] = [
    (
        Kind::InvalidArgument,
        "invalid_argument",
        400,
        tonic::Code::InvalidArgument,
    ),
    (
        Kind::Unauthenticated,
        "unauthenticated",
        401,
        tonic::Code::Unauthenticated,
    ),
    (
        Kind::PaymentRequired,
        "payment_required",
        402,
        tonic::Code::FailedPrecondition,
    ),
    (
        Kind::PermissionDenied,
        "permission_denied",
        403,
        tonic::Code::PermissionDenied,
    ),
    (Kind::NotFound, "not_found", 404, tonic::Code::NotFound),
    (
        Kind::MethodNotAllowed,
        "method_not_allowed",
        405,
        tonic::Code::Unimplemented,
    ),
    (
        Kind::NotAcceptable,
        "not_acceptable",
        406,
        tonic::Code::InvalidArgument,
    ),
    (Kind::Conflict, "conflict", 409, tonic::Code::Aborted),
    (Kind::Gone, "gone", 410, tonic::Code::NotFound),
    (
        Kind::PayloadTooLarge,
        "payload_too_large",
        413,
        tonic::Code::InvalidArgument,
    ),
    (
        Kind::UnsupportedMediaType,
        "unsupported_media_type",
        415,
        tonic::Code::InvalidArgument,
    ),
    (
        Kind::Unprocessable,
        "unprocessable",
        422,
        tonic::Code::FailedPrecondition,
    ),
    (
        Kind::ResourceExhausted,
        "resource_exhausted",
        429,
        tonic::Code::ResourceExhausted,
    ),
    (
        Kind::HeadersTooLarge,
        "headers_too_large",
        431,
        tonic::Code::InvalidArgument,
    ),
    (Kind::Cancelled, "cancelled", 499, tonic::Code::Cancelled),
    (Kind::Internal, "internal", 500, tonic::Code::Internal),
    (
        Kind::Unimplemented,
        "unimplemented",
        501,
        tonic::Code::Unimplemented,
    ),
    (Kind::BadGateway, "bad_gateway", 502, tonic::Code::Unknown),
    (
        Kind::Unavailable,
        "unavailable",
        503,
        tonic::Code::Unavailable,
    ),
    (
        Kind::DeadlineExceeded,
        "deadline_exceeded",
        504,
        tonic::Code::DeadlineExceeded,
    ),
];

impl Kind {
    /// Every kind, in the order of the HTTP statuses.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> &'static Row {
        // The table is in the order of the variants; a test holds it there.
        &TABLE[self as usize]
    }

    /// Name on the wire, e.g. `not_found`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// HTTP status.
    pub fn http_status(self) -> StatusCode {
        StatusCode::from_u16(self.row().2).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// gRPC status code.
    pub fn grpc_code(self) -> tonic::Code {
        self.row().3
    }

    /// The nearest kind for the answer of a server that is not ours.
    pub fn from_grpc_code(code: tonic::Code) -> Self {
        match code {
            tonic::Code::FailedPrecondition => Self::Unprocessable,
            tonic::Code::OutOfRange => Self::InvalidArgument,
            tonic::Code::AlreadyExists => Self::Conflict,
            tonic::Code::Ok | tonic::Code::DataLoss => Self::Internal,
            tonic::Code::Unimplemented => Self::Unimplemented,
            tonic::Code::Unknown => Self::BadGateway,
            other => TABLE
                .iter()
                .find(|row| row.3 == other)
                .map_or(Self::Internal, |row| row.0),
        }
    }

    /// Whether the fault is on our side (5xx).
    pub fn is_server_fault(self) -> bool {
        self.row().2 >= 500
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::DeadlineExceeded | Self::ResourceExhausted | Self::BadGateway
        )
    }
}

/// An entry of an error catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeSpec {
    /// Stable code: module, dot, name. Never reused for something else.
    pub id: &'static str,
    /// Class of failure.
    pub kind: Kind,
    /// Short name of the problem, for people.
    pub title: &'static str,
    /// What the caller can do about it.
    pub action: &'static str,
}

/// Something with a catalogue entry; implemented by [`codes!`](crate::codes).
pub trait Code: Copy {
    /// Its entry.
    fn spec(self) -> &'static CodeSpec;
}

/// Lists a module's error codes as an enum with a catalogue.
///
/// ```
/// shoal_error::codes! {
///     /// What placing an order can run into.
///     pub enum OrderCode {
///         /// Fewer pieces left than asked for.
///         OutOfStock: "order.out_of_stock", Conflict, "Not enough stock",
///             "Lower the quantity or wait for a restock.";
///     }
/// }
/// let error = shoal_error::Error::new(OrderCode::OutOfStock, "Only 2 left.");
/// assert_eq!(error.kind().http_status(), 409);
/// assert_eq!(OrderCode::CATALOGUE.len(), 1);
/// ```
#[macro_export]
macro_rules! codes {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident $(($module:literal))? {
            $($(#[$doc:meta])* $variant:ident: $id:literal, $kind:ident, $title:literal, $action:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every code with what it means and what to do.
            $vis const CATALOGUE: &'static [$crate::CodeSpec] = &[$($crate::CodeSpec {
                id: $id,
                kind: $crate::Kind::$kind,
                title: $title,
                action: $action,
            },)+];
        }

        impl $crate::Code for $name {
            fn spec(self) -> &'static $crate::CodeSpec {
                // One row per variant, in the same order, by construction.
                &Self::CATALOGUE[self as usize]
            }
        }
    };
}
