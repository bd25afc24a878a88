//! Codes that any service may answer.

crate::codes! {
    /// Failures that mean the same in every module.
    pub enum CommonCode("common") {
        /// The body is not JSON at all.
        MalformedBody: "common.malformed_body", InvalidArgument, "Malformed body",
            "Send a body that parses as the documented content type.";
        /// A field has the wrong type or a value that is never right.
        InvalidField: "common.invalid_field", InvalidArgument, "Invalid field",
            "Correct the fields listed under `errors`.";
        /// The body has a field that the schema does not know.
        UnknownField: "common.unknown_field", InvalidArgument, "Unknown field",
            "Remove the field, or check its spelling against the documentation.";
        /// A query parameter is not right.
        InvalidQuery: "common.invalid_query", InvalidArgument, "Invalid query parameter",
            "Correct the parameters listed under `errors`.";
        /// A path segment is not right.
        InvalidPath: "common.invalid_path", InvalidArgument, "Invalid path parameter",
            "Use an identifier in the form that the API returned it.";
        /// A header is not right.
        InvalidHeader: "common.invalid_header", InvalidArgument, "Invalid header",
            "Correct the header named under `errors`.";
        /// A pagination cursor was altered or belongs to another list.
        InvalidCursor: "common.invalid_cursor", InvalidArgument, "Invalid cursor",
            "Pass `next_cursor` back unchanged, or start again without a cursor.";
        /// No credentials came with the request.
        Unauthenticated: "common.unauthenticated", Unauthenticated, "Authentication required",
            "Log in and send the access token as `Authorization: Bearer …`.";
        /// What came as a token has not the form of one.
        TokenMalformed: "common.token_malformed", Unauthenticated, "Malformed token",
            "Send the access token as it was issued: `Authorization: Bearer <token>`.";
        /// The token is not one that we issued, or was altered.
        TokenInvalid: "common.token_invalid", Unauthenticated, "Invalid token",
            "Log in again; use the access token exactly as it was issued.";
        /// The token was good once.
        TokenExpired: "common.token_expired", Unauthenticated, "Expired token",
            "Use the refresh token to get a new access token.";
        /// The caller is known but not allowed to do this.
        PermissionDenied: "common.permission_denied", PermissionDenied, "Permission denied",
            "Ask an administrator for the role named in the message.";
        /// Not there, or not the caller's to see.
        NotFound: "common.not_found", NotFound, "Not found",
            "Check the identifier; what belongs to others is not shown.";
        /// No route has this path.
        RouteNotFound: "common.route_not_found", NotFound, "No such route",
            "Check the path against the API documentation.";
        /// The route has other methods.
        MethodNotAllowed: "common.method_not_allowed", MethodNotAllowed, "Method not allowed",
            "Use one of the methods in the `Allow` header.";
        /// The state does not allow the change.
        Conflict: "common.conflict", Conflict, "Conflict",
            "Read the current state and decide again.";
        /// The body is over the limit.
        PayloadTooLarge: "common.payload_too_large", PayloadTooLarge, "Body too large",
            "Send a body below the limit named in the message.";
        /// The headers are over the limit.
        HeadersTooLarge: "common.headers_too_large", HeadersTooLarge, "Headers too large",
            "Send fewer or shorter headers.";
        /// The content type is not read here.
        UnsupportedMediaType: "common.unsupported_media_type", UnsupportedMediaType, "Unsupported media type",
            "Send `Content-Type: application/json`, or what the operation documents.";
        /// The caller sent more than its share.
        TooManyRequests: "common.too_many_requests", ResourceExhausted, "Too many requests",
            "Wait as long as `Retry-After` says.";
        /// An operation that needs a key came without.
        IdempotencyKeyMissing: "common.idempotency_key_missing", InvalidArgument, "Idempotency key missing",
            "Send an `Idempotency-Key` header, new for each operation and the same for its retries.";
        /// The key is too long or holds characters that it may not.
        IdempotencyKeyInvalid: "common.idempotency_key_invalid", InvalidArgument, "Invalid idempotency key",
            "Use 1 to 128 visible ASCII characters, for example a UUID.";
        /// The key was used with another request.
        IdempotencyKeyReused: "common.idempotency_key_reused", Unprocessable, "Idempotency key reused",
            "Use a new key for a new request; send the first body again to see its answer.";
        /// The first request with this key is not done yet.
        IdempotencyInFlight: "common.idempotency_in_flight", Conflict, "Request in progress",
            "Wait as long as `Retry-After` says and send the same request again.";
        /// Our fault.
        Internal: "common.internal", Internal, "Internal error",
            "Try again later; if it stays, report the trace id.";
        /// Not built.
        Unimplemented: "common.unimplemented", Unimplemented, "Not implemented",
            "Check the operation against the API documentation.";
        /// A dependency answered something that is none of its documented answers.
        BadUpstream: "common.bad_upstream", BadGateway, "Bad upstream answer",
            "Try again later; if it stays, report the trace id.";
        /// A dependency is away or we are shutting down.
        Unavailable: "common.unavailable", Unavailable, "Temporarily unavailable",
            "Try again after a moment.";
        /// All workers are busy and the queue is full.
        Overloaded: "common.overloaded", Unavailable, "Overloaded",
            "Wait as long as `Retry-After` says.";
        /// The deadline passed before the work was done.
        DeadlineExceeded: "common.deadline_exceeded", DeadlineExceeded, "Deadline exceeded",
            "Allow more time, or ask for less at once; a write may have happened, so retry with the same key.";
        /// The caller went away.
        Cancelled: "common.cancelled", Cancelled, "Cancelled",
            "Nothing to do: the caller ended the request.";
    }
}
