//! The public face over gRPC: `google.rpc.Status` with `ErrorInfo`,
//! `BadRequest`, `RetryInfo`, and our own `ErrorDetail` for what these cannot
//! hold, so that nothing is lost between two services.

use prost::Message as _;
use shoal_proto::common::v1::ErrorDetail;
use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{Error, Inner, Kind, Violation};

/// `ErrorInfo.domain` of every Shoal error.
const DOMAIN: &str = "shoal";

/// Metadata entry that carries [`ErrorDetail`]. Entries that end in `-bin`
/// are binary in gRPC, so that any language reads it.
const DETAIL_KEY: &str = "shoal-error-bin";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        error.log();
        error.to_status()
    }
}

impl Error {
    /// The public face as a status, without a word in the log: for an error
    /// that does not leave the process, such as a client stack's own.
    pub fn to_status(&self) -> Status {
        let error = self;
        let mut details = ErrorDetails::new();
        let meta: std::collections::HashMap<_, _> = error.meta().clone().into_iter().collect();
        details.set_error_info(error.code(), DOMAIN, meta);
        if let Some(after) = error.retry_after() {
            details.set_retry_info(Some(after));
        }
        if !error.fields().is_empty() {
            let fields = error.fields().iter();
            details.set_bad_request(
                fields
                    .map(|v| FieldViolation::new(&v.field, &v.message))
                    .collect::<Vec<_>>(),
            );
        }
        let detail = ErrorDetail {
            code: error.code().to_owned(),
            kind: error.kind().name().to_owned(),
            action: error.action().to_owned(),
            title: error.title().to_owned(),
            trace_id: error.trace_id().unwrap_or_default().to_owned(),
            meta: error.meta().clone().into_iter().collect(),
        };
        let mut metadata = tonic::metadata::MetadataMap::new();
        metadata.insert_bin(
            DETAIL_KEY,
            tonic::metadata::MetadataValue::from_bytes(&detail.encode_to_vec()),
        );
        Status::with_error_details_and_metadata(
            error.kind().grpc_code(),
            error.message(),
            details,
            metadata,
        )
    }

    /// The error behind a status: exactly what the other side made, when it is
    /// one of ours, else the nearest kind under the code `common.upstream…`.
    pub fn from_status(status: Status) -> Self {
        let details = status.get_error_details();
        let fields = details.bad_request().map_or_else(Vec::new, |bad| {
            let list = bad.field_violations.iter();
            list.map(|v| Violation {
                field: v.field.clone(),
                message: v.description.clone(),
            })
            .collect()
        });
        let retry_after = details.retry_info().and_then(|info| info.retry_delay);
        let Some(detail) = detail_of(&status) else {
            let mut error = Self::foreign(status);
            error.0.fields = fields;
            error.0.retry_after = retry_after;
            return error;
        };
        let kind =
            Kind::from_name(&detail.kind).unwrap_or_else(|| Kind::from_grpc_code(status.code()));
        Self(Box::new(Inner {
            code: detail.code.into(),
            kind,
            title: detail.title.into(),
            action: detail.action.into(),
            message: status.message().to_owned().into(),
            fields,
            meta: detail.meta.into_iter().collect(),
            retry_after,
            trace_id: Some(detail.trace_id).filter(|id| !id.is_empty()),
            internal: None,
            source: None,
            backtrace: None,
        }))
    }

    fn foreign(status: Status) -> Self {
        use crate::CommonCode as C;
        let kind = Kind::from_grpc_code(status.code());
        let code = match kind {
            Kind::InvalidArgument => C::InvalidField,
            Kind::Unauthenticated => C::Unauthenticated,
            Kind::PermissionDenied => C::PermissionDenied,
            Kind::NotFound => C::NotFound,
            Kind::Conflict | Kind::Unprocessable => C::Conflict,
            Kind::ResourceExhausted => C::TooManyRequests,
            Kind::Cancelled => C::Cancelled,
            Kind::Unavailable => C::Unavailable,
            Kind::DeadlineExceeded => C::DeadlineExceeded,
            Kind::Unimplemented => C::Unimplemented,
            Kind::Internal => C::Internal,
            _ => C::BadUpstream,
        };
        let public = if kind.is_server_fault() {
            "A dependency failed.".to_owned()
        } else {
            status.message().to_owned()
        };
        let mut error = Self::new(code, public);
        error.0.kind = kind;
        error.with_source(status)
    }
}

fn detail_of(status: &Status) -> Option<ErrorDetail> {
    let bytes = status.metadata().get_bin(DETAIL_KEY)?.to_bytes().ok()?;
    ErrorDetail::decode(bytes).ok()
}
