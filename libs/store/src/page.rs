//! Pages of a list, with cursors that a client cannot build or mix up.
//!
//! A cursor names the list that it belongs to and the last row seen, never an
//! offset: rows that come or go in between neither repeat nor vanish.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shoal_error::{CommonCode, Error, Result};
use utoipa::{IntoParams, ToSchema};

/// Rows on a page when the caller does not say.
pub const DEFAULT_LIMIT: u32 = 20;
/// Rows on a page at most.
pub const MAX_LIMIT: u32 = 100;
/// Bytes of checksum in a cursor.
const CHECK: usize = 6;
/// Longest cursor that is looked at.
const MAX_CURSOR: usize = 1024;

/// Which part of a list a caller wants, as its query parameters say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageRequest {
    /// Rows wanted, 1 to 100; 20 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before; left out for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 1024, pattern = "^[A-Za-z0-9_-]+$")]
    pub cursor: Option<String>,
}

/// One page, and how to get the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Page<T> {
    /// Rows in the order of the list.
    pub items: Vec<T>,
    /// Pass as `cursor` to go on; `null` on the last page.
    #[schema(
        required,
        example = "AB5wcmRfMDFtODNzNWt6NXJzdjRrY3ZobmQ3dHhiZ2XG-euYn_g"
    )]
    pub next_cursor: Option<String>,
}

/// Where a page begins: after a row, in a named list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Sort keys of the last row seen, in the order of the `ORDER BY`.
    pub after: Vec<String>,
}

impl PageRequest {
    /// Rows wanted.
    ///
    /// # Errors
    /// [`CommonCode::InvalidQuery`] outside of 1 to 100.
    pub fn limit(&self) -> Result<u32> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(limit),
            _ => {
                let why = format!("must be between 1 and {MAX_LIMIT}");
                Err(
                    Error::new(CommonCode::InvalidQuery, format!("limit {why}."))
                        .with_field("limit", why),
                )
            }
        }
    }

    /// Rows to select: one more than wanted, which tells [`Page::cut`] whether
    /// there is a next page.
    ///
    /// # Errors
    /// Those of [`PageRequest::limit`].
    pub fn fetch(&self) -> Result<i64> {
        Ok(i64::from(self.limit()?) + 1)
    }

    /// The position to go on from, `None` for the first page. `list` names the
    /// list and whatever else must not change between pages, e.g.
    /// `orders/usr_01j…`.
    ///
    /// # Errors
    /// [`CommonCode::InvalidCursor`] for a cursor of another list, or one that
    /// was altered.
    pub fn cursor(&self, list: &str) -> Result<Option<Cursor>> {
        self.cursor
            .as_deref()
            .map(|text| Cursor::decode(list, text))
            .transpose()
    }

    /// The single sort key to go on after, for a list that is sorted by one;
    /// `""` for the first page, which is smaller than any identifier.
    ///
    /// # Errors
    /// Those of [`PageRequest::cursor`].
    pub fn after(&self, list: &str) -> Result<String> {
        match self.cursor(list)? {
            None => Ok(String::new()),
            Some(Cursor { after }) => match <[String; 1]>::try_from(after) {
                Ok([key]) => Ok(key),
                Err(_) => Err(invalid()),
            },
        }
    }
}

impl<T> Page<T> {
    /// Makes a page of the rows that [`PageRequest::fetch`] asked for. `key`
    /// gives a row's sort keys.
    ///
    /// # Errors
    /// Those of [`PageRequest::limit`].
    pub fn cut<const N: usize>(
        mut rows: Vec<T>,
        request: &PageRequest,
        list: &str,
        key: impl Fn(&T) -> [String; N],
    ) -> Result<Self> {
        let limit = request.limit()? as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| {
            Cursor {
                after: key(row).into(),
            }
            .encode(list)
        });
        Ok(Self {
            items: rows,
            next_cursor,
        })
    }

    /// The same page with other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        let items = self.items.into_iter().map(change).collect();
        Page {
            items,
            next_cursor: self.next_cursor,
        }
    }
}

impl Cursor {
    /// The opaque text for clients.
    #[must_use]
    pub fn encode(&self, list: &str) -> String {
        let mut bytes = Vec::new();
        for key in &self.after {
            let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
            bytes.extend(length.to_be_bytes());
            bytes.extend(key.bytes().take(length.into()));
        }
        let check = checksum(list, &bytes);
        bytes.extend(check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Cursor::encode`] wrote for the same list.
    ///
    /// # Errors
    /// [`CommonCode::InvalidCursor`] for anything else.
    pub fn decode(list: &str, text: &str) -> Result<Self> {
        if text.len() > MAX_CURSOR {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let (mut rest, check) = bytes.split_last_chunk::<CHECK>().ok_or_else(invalid)?;
        if checksum(list, rest) != *check {
            return Err(invalid());
        }
        let mut after = Vec::new();
        while let Some((length, tail)) = rest.split_first_chunk::<2>() {
            let (key, tail) = tail
                .split_at_checked(u16::from_be_bytes(*length).into())
                .ok_or_else(invalid)?;
            after.push(String::from_utf8(key.to_vec()).map_err(|_| invalid())?);
            rest = tail;
        }
        if rest.is_empty() {
            Ok(Self { after })
        } else {
            Err(invalid())
        }
    }
}

/// Against mistakes and meddling, not against forgery: a cursor gives no access
/// that the query behind it does not check.
fn checksum(list: &str, bytes: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::new()
        .chain_update("shoal-cursor-1\0")
        .chain_update(list)
        .chain_update([0])
        .chain_update(bytes)
        .finalize();
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest[..CHECK]);
    check
}

fn invalid() -> Error {
    Error::new(
        CommonCode::InvalidCursor,
        "The cursor does not belong to this list.",
    )
    .with_field("cursor", "pass `next_cursor` unchanged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(list in ".{0,20}", after in prop::collection::vec(".{0,40}", 0..4)) {
            let cursor = Cursor { after };
            prop_assert_eq!(Cursor::decode(&list, &cursor.encode(&list)).unwrap(), cursor);
        }

        #[test]
        fn a_cursor_of_another_list_is_refused(list in "[a-z]{1,9}", other in "[a-z]{1,9}", key in ".{0,40}") {
            prop_assume!(list != other);
            let text = Cursor { after: vec![key] }.encode(&list);
            prop_assert!(Cursor::decode(&other, &text).is_err());
        }

        #[test]
        fn an_altered_cursor_is_refused(key in ".{1,40}", at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]") {
            let text = Cursor { after: vec![key] }.encode("orders");
            let at = at.index(text.len());
            let altered = format!("{}{with}{}", &text[..at], &text[at + 1..]);
            prop_assume!(altered != text);
            prop_assert!(Cursor::decode("orders", &altered).is_err());
        }

        #[test]
        fn no_text_at_all_makes_it_panic(text in ".{0,60}") {
            let _ = Cursor::decode("orders", &text);
        }

        #[test]
        fn pages_join_to_the_whole_list(total in 0_usize..250, limit in 1_u32..=100) {
            let all: Vec<String> = (0..total).map(|n| format!("{n:05}")).collect();
            let mut request = PageRequest { limit: Some(limit), cursor: None };
            let mut seen = Vec::new();
            loop {
                let after = request.after("all").unwrap();
                let take = usize::try_from(request.fetch().unwrap()).unwrap();
                let rows = all.iter().filter(|k| **k > after).take(take).cloned().collect();
                let page = Page::cut(rows, &request, "all", |k: &String| [k.clone()]).unwrap();
                prop_assert!(page.items.len() <= limit as usize);
                seen.extend(page.items);
                request.cursor = page.next_cursor;
                if request.cursor.is_none() { break }
            }
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn a_limit_outside_of_its_bounds_is_refused() {
        for limit in [0, 101, u32::MAX] {
            let error = PageRequest {
                limit: Some(limit),
                cursor: None,
            }
            .limit()
            .unwrap_err();
            assert!(error.is(CommonCode::InvalidQuery));
        }
    }
}
