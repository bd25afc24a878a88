//! JSON bodies, in and out.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use shoal_error::{CommonCode, Error, Result};

use super::as_schema::AsSchema;
use super::{pointer, token};

/// A JSON body. As an argument: 415 for another content type, 413 over the
/// limit, 400 for what does not parse (with line and column) or does not fit
/// `T` (with a JSON pointer). As an answer: `application/json`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        require_json(request.headers())?;
        let bytes = read(request.into_body()).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

fn require_json(headers: &HeaderMap) -> Result<()> {
    let sent = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("?"));
    let essence = sent
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let essence = essence.to_ascii_lowercase();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    if is_json {
        return Ok(());
    }
    let message = match sent {
        Some(sent) => format!("The body is {sent:?}, but this reads application/json."),
        None => "The request has no Content-Type; this reads application/json.".to_owned(),
    };
    Err(Error::new(CommonCode::UnsupportedMediaType, message))
}

/// Reads a whole body; the limit was put around it by the server's stack.
pub(crate) async fn read(body: Body) -> Result<Bytes> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(body_error(error)),
    }
}

/// What is wrong with a body that ended in `error`: it is over the limit, or
/// its sender broke off.
pub fn body_error(error: axum::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(each) = cause {
        if each.is::<LengthLimitError>() {
            return Error::new(
                CommonCode::PayloadTooLarge,
                "The body is over the size limit.",
            );
        }
        cause = each.source();
    }
    Error::new(
        CommonCode::MalformedBody,
        "The body ended before it was complete.",
    )
    .with_source(error)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if bytes.is_empty() {
        return Err(Error::new(CommonCode::MalformedBody, "The body is empty."));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(AsSchema(&mut deserializer)).map_err(refused)?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn refused(error: serde_path_to_error::Error<serde_json::Error>) -> Error {
    let at = pointer(error.path());
    let error = error.into_inner();
    if error.classify() != Category::Data {
        return malformed(&error);
    }
    let text = without_position(&error.to_string());
    let (code, at) = match unknown_field(&text) {
        // Depending on the format of the struct, serde's path names the field
        // or stops at its parent.
        Some(name) if !at.ends_with(&token(name)) => {
            (CommonCode::UnknownField, format!("{at}{}", token(name)))
        }
        Some(_) => (CommonCode::UnknownField, at),
        None => (CommonCode::InvalidField, at),
    };
    let message = if at.is_empty() {
        text.clone()
    } else {
        format!("{at}: {text}")
    };
    Error::new(code, message).with_field(at, text)
}

fn malformed(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let text = without_position(&error.to_string());
    Error::new(
        CommonCode::MalformedBody,
        format!("The body is not JSON: {text} at line {line}, column {column}."),
    )
    .with_meta("line", line.to_string())
    .with_meta("column", column.to_string())
}

fn without_position(text: &str) -> String {
    text.rsplit_once(" at line ")
        .map_or(text, |(text, _)| text)
        .to_owned()
}

fn unknown_field(text: &str) -> Option<&str> {
    text.strip_prefix("unknown field `")?.split('`').next()
}
