//! The documentation portal under `/docs`: a folder of files that the build
//! made, and an index of them that the build made too.
//!
//! Only what the index lists is served, under the tag that it gives, so no path
//! can lead out of the folder and nothing is hashed here. Rejected: a general
//! file service (it knows modification times, which builds do not keep, instead
//! of tags, and serves whatever lies in the folder).

mod index;

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use shoal_error::{CommonCode, Error, Result, ResultExt as _};

use index::{File, Index};

/// Where the site begins; without the slash it redirects there.
const TOP: &str = "/docs";

/// The site asks nobody but the gateway that serves it, and runs no script but
/// its own. Styles stand in attributes, which the API reference makes.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// For files whose name changes with their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// For all others: keep, but ask whether it is still the same.
const ASK: &str = "no-cache";

/// The site, or nothing.
pub(crate) struct Site {
    folder: Option<PathBuf>,
    index: RwLock<Arc<Index>>,
}

/// What stands behind `/docs` in a path of the site: nothing, or a slash and
/// more; `None` for any other path.
pub(crate) fn below(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(TOP)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

impl Site {
    /// The site in a folder; an empty path means none.
    ///
    /// # Errors
    /// One sentence when the folder holds no site.
    pub(crate) fn open(folder: &str) -> std::result::Result<Self, String> {
        if folder.is_empty() {
            return Ok(Self {
                folder: None,
                index: RwLock::default(),
            });
        }
        let folder = PathBuf::from(folder);
        let index = Index::read(&folder)?;
        Ok(Self {
            folder: Some(folder),
            index: RwLock::new(Arc::new(index)),
        })
    }

    /// Answers a request for the site; `path` is what [`below`] gave.
    ///
    /// # Errors
    /// `MethodNotAllowed`, `NotFound`, and `Unavailable` while it is being built anew.
    pub(crate) async fn answer(
        &self,
        path: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response<Body>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let text = "The documentation can only be read.";
            return Err(Error::new(CommonCode::MethodNotAllowed, text));
        }
        let rest = path.strip_prefix('/').unwrap_or(path);
        let Some(folder) = &self.folder else {
            return match rest {
                "" | "errors" => page(StatusCode::OK, include_str!("no_site.html")),
                _ => Err(missing(rest)),
            };
        };
        let index = self.index(folder).await?;
        if path.is_empty() {
            return redirect("/docs/");
        }
        match index.find(rest) {
            Some((name, file)) => send(folder, name, file, headers, StatusCode::OK).await,
            None if index.find(&format!("{rest}/")).is_some() => {
                redirect(&format!("{TOP}/{rest}/"))
            }
            // A page for people, a problem document for programs.
            None => match index.find("404.html").filter(|_| wants_html(headers)) {
                Some((name, file)) => {
                    send(folder, name, file, &HeaderMap::new(), StatusCode::NOT_FOUND).await
                }
                None => Err(missing(rest)),
            },
        }
    }

    /// The index, read again when the site was built anew.
    async fn index(&self, folder: &Path) -> Result<Arc<Index>> {
        let known = || {
            Arc::clone(
                &self
                    .index
                    .read()
                    .unwrap_or_else(std::sync::PoisonError::into_inner),
            )
        };
        let current = known();
        let changed = Index::changed(folder).await;
        if changed.is_none() || changed == current.made() {
            return Ok(current);
        }
        let read = Index::read(folder).map_err(|why| Error::new(CommonCode::Unavailable, why))?;
        let read = Arc::new(read);
        *self
            .index
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&read);
        Ok(read)
    }
}

async fn send(
    folder: &Path,
    name: &str,
    file: &File,
    asked: &HeaderMap,
    status: StatusCode,
) -> Result<Response<Body>> {
    let gzip = file.gzip && accepts_gzip(asked);
    let tag = format!("\"{}{}\"", file.tag, if gzip { "-gz" } else { "" });
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type(name))
        .header(
            header::CACHE_CONTROL,
            if index::is_hashed(name, &file.tag) {
                FOR_EVER
            } else {
                ASK
            },
        )
        .header(header::VARY, "accept-encoding")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::ETAG, &tag);
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    if known
        .flat_map(|value| value.split(','))
        .any(|value| matches(value.trim(), &tag))
    {
        return response
            .status(StatusCode::NOT_MODIFIED)
            .body(Body::empty())
            .internal();
    }
    let path = match gzip {
        true => folder.join(format!("{name}.gz")),
        false => folder.join(name),
    };
    let content = tokio::fs::read(&path).await;
    let content = content.code(
        CommonCode::Unavailable,
        "The documentation is being built anew.",
    )?;
    if gzip {
        response = response.header(header::CONTENT_ENCODING, "gzip");
    }
    response.body(content.into()).internal()
}

fn matches(known: &str, tag: &str) -> bool {
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}

/// Whether the client unpacks gzip: named, and not with weight zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|text| text.contains("text/html"))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "md" | "txt" | "proto" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn page(status: StatusCode, html: &'static str) -> Result<Response<Body>> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, ASK)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .body(html.into())
        .internal()
}

fn redirect(to: &str) -> Result<Response<Body>> {
    let to = HeaderValue::from_str(to).internal()?;
    Response::builder()
        .status(StatusCode::PERMANENT_REDIRECT)
        .header(header::LOCATION, to)
        .body(Body::empty())
        .internal()
}

fn missing(path: &str) -> Error {
    Error::not_found("page of the documentation", path)
}

/// When a file was written; `None` when that cannot be told.
async fn written(path: &Path) -> Option<SystemTime> {
    tokio::fs::metadata(path).await.ok()?.modified().ok()
}
