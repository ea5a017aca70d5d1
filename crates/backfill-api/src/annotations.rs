//! The annotations and labels that people set and the operator reads.
//!
//! Only their names and how a value is compared; it must not know what a request does.

use std::collections::BTreeMap;

/// Any new value: look now, forget errors, retry quarantined pull requests.
pub const REQUESTED_AT: &str = "backfill.contributor.info/requested-at";
/// Any new value: walk again from the top.
pub const RESTART_REQUESTED_AT: &str = "backfill.contributor.info/restart-requested-at";
/// Label that opens a Secret to the operator; see [`CREDENTIALS_LABEL_VALUE`].
pub const CREDENTIALS_LABEL: &str = "backfill.contributor.info/credentials";
/// The one value of [`CREDENTIALS_LABEL`] that counts.
pub const CREDENTIALS_LABEL_VALUE: &str = "true";

/// Characters of an annotation's value that are compared and echoed in the status.
pub const MAX_ECHO: usize = 256;

/// The value of `key` as it is compared, kept and echoed: without NULs, which Postgres cannot
/// hold, and cut to [`MAX_ECHO`] characters.
///
/// An annotation may hold 256 KiB, and the status echoes it; an empty value counts as none.
pub fn request(annotations: Option<&BTreeMap<String, String>>, key: &str) -> Option<String> {
    let value = kept(annotations?.get(key)?);
    (!value.is_empty()).then_some(value)
}

fn kept(value: &str) -> String {
    value.chars().filter(|char| *char != '\0').take(MAX_ECHO).collect()
}

/// Leaves of `annotations` only the requests, cut as [`request`] reads them: all that the operator
/// has to remember of what may be 256 KiB an object.
pub fn keep_requests(annotations: &mut BTreeMap<String, String>) {
    annotations.retain(|key, _| key == REQUESTED_AT || key == RESTART_REQUESTED_AT);
    for value in annotations.values_mut() {
        *value = kept(value);
    }
}

/// Whether a Secret with these labels was opened to the operator.
pub fn opens_credentials(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels
        .and_then(|labels| labels.get(CREDENTIALS_LABEL))
        .is_some_and(|value| value == CREDENTIALS_LABEL_VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(key: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_request_is_cut_at_characters_and_empty_means_none() {
        let long = map(REQUESTED_AT, &"é".repeat(MAX_ECHO + 1));
        assert_eq!(request(Some(&long), REQUESTED_AT), Some("é".repeat(MAX_ECHO)));
        assert_eq!(request(Some(&long), RESTART_REQUESTED_AT), None);
        assert_eq!(request(Some(&map(REQUESTED_AT, "")), REQUESTED_AT), None);
        assert_eq!(request(None, REQUESTED_AT), None);
    }

    #[test]
    fn a_request_has_no_character_that_postgres_cannot_hold() {
        let odd = map(REQUESTED_AT, "\0mon\0day");
        assert_eq!(request(Some(&odd), REQUESTED_AT), Some("monday".to_owned()));
        assert_eq!(request(Some(&map(REQUESTED_AT, "\0")), REQUESTED_AT), None);
        let mut remembered = odd;
        keep_requests(&mut remembered);
        assert_eq!(remembered, map(REQUESTED_AT, "monday"));
    }

    #[test]
    fn only_the_exact_label_opens_a_secret() {
        assert!(opens_credentials(Some(&map(CREDENTIALS_LABEL, "true"))));
        for refused in
            [map(CREDENTIALS_LABEL, "True"), map(CREDENTIALS_LABEL, ""), map("x", "true")]
        {
            assert!(!opens_credentials(Some(&refused)), "{refused:?}");
        }
        assert!(!opens_credentials(None));
    }
}
