//! Names of service accounts.

/// The text is no name of a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 3 to 64 characters of a-z, 0-9, ., _ and -, a letter first")]
pub struct NameError;

/// Checks a name.
///
/// # Errors
/// [`NameError`] when it is not well-formed.
pub fn check_name(text: &str) -> Result<String, NameError> {
    let well_formed = (3..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if well_formed {
        Ok(text.to_owned())
    } else {
        Err(NameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_names_pass_and_others_are_refused() {
        assert_eq!(
            check_name("warehouse-sync.v2"),
            Ok("warehouse-sync.v2".to_owned())
        );
        let long = "a".repeat(65);
        for bad in ["", "ab", "Abc", "1abc", "a b c", "abc\n", long.as_str()] {
            assert_eq!(check_name(bad), Err(NameError), "{bad:?}");
        }
    }
}
