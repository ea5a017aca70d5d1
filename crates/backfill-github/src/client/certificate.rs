//! What is wrong with a certificate, in words that stay the same from one attempt to the next.
//!
//! It must not know who showed it. TLS' own words name the instant of each attempt.

use std::error::Error;

use jiff::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use crate::decode::refusal::short;

/// Names of a certificate that are shown.
const NAMES: usize = 3;

/// What is wrong, if a certificate is why there is no connection.
pub(super) fn wrong(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(one) = cause {
        if let Some(rustls::Error::InvalidCertificate(why)) = of_tls(one) {
            return Some(in_words(why));
        }
        cause = one.source();
    }
    None
}

/// An I/O error does not count what it carries among its causes; it may carry another.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<std::io::Error>() {
        Some(outer) => of_tls(outer.get_ref()?),
        None => error.downcast_ref(),
    }
}

fn in_words(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired => "it has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("it expired at {}", instant(*not_after))
        }
        CertificateError::NotValidYet => "it is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("it is not valid before {}", instant(*not_before))
        }
        CertificateError::UnknownIssuer => {
            "no authority that is trusted here has issued it".to_owned()
        }
        // As of one that was made anew under the same name.
        CertificateError::BadSignature => {
            "its signature is not that of an authority that is trusted here".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().take(NAMES).map(|name| bare(name)).collect();
            let names = if names.is_empty() { vec!["nobody"] } else { names };
            let more = if presented.len() > NAMES { " and others" } else { "" };
            let names = short(&format!("{}{more}", names.join(", ")));
            format!("it is for {names}, not for {}", expected.to_str())
        }
        other => short(&other.to_string()),
    }
}

fn instant(at: UnixTime) -> String {
    let second = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(second).map_or_else(|_| format!("{second}"), |at| at.to_string())
}

/// The name in `DnsName("example.com")`.
fn bare(name: &str) -> &str {
    let (_, rest) = name.split_once('(').unwrap_or(("", name));
    rest.trim_end_matches(')').trim_matches('"')
}
