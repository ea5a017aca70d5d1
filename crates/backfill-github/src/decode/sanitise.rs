//! Takes out of a JSON text what Postgres cannot store and no Unicode string may hold.
//!
//! NUL characters and lone surrogates do occur in pull requests. Both stand in JSON as escapes,
//! and serde refuses the second, so they go before the text is parsed. Must not know what the
//! text means.

/// The text without NULs, lone surrogates and bytes that are no UTF-8, and how many went. One
/// without any is not copied: a page of long discussions has many megabytes.
pub(crate) fn sanitise(body: Vec<u8>) -> (String, i64) {
    let (text, mut removed) = match String::from_utf8(body) {
        Ok(text) => (text, 0),
        Err(error) => without_invalid_bytes(error.as_bytes()),
    };
    let bytes = text.as_bytes();
    let mut kept = String::new();
    let mut copied_to = 0;
    let mut at = 0;
    while let Some(step) = memchr::memchr2(b'\\', 0, &bytes[at..]) {
        at += step;
        let verdict = look(bytes, at);
        if verdict.remove {
            kept.push_str(&text[copied_to..at]);
            copied_to = at + verdict.width;
            removed += 1;
        }
        at += verdict.width;
    }
    if copied_to == 0 {
        return (text, removed);
    }
    kept.push_str(&text[copied_to..]);
    (kept, removed)
}

fn without_invalid_bytes(body: &[u8]) -> (String, i64) {
    let mut text = String::with_capacity(body.len());
    let mut removed = 0;
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        removed += i64::from(!chunk.invalid().is_empty());
    }
    (text, removed)
}

/// What stands at one place: how many bytes it takes and whether it goes.
struct Verdict {
    width: usize,
    remove: bool,
}

fn look(bytes: &[u8], at: usize) -> Verdict {
    if bytes[at] == 0 {
        return Verdict { width: 1, remove: true };
    }
    let Some(unit) = unicode_escape(bytes, at) else {
        return Verdict { width: 2.min(bytes.len() - at), remove: false };
    };
    let is_high = (0xD800..0xDC00).contains(&unit);
    let is_low = (0xDC00..0xE000).contains(&unit);
    let paired = is_high
        && unicode_escape(bytes, at + 6).is_some_and(|next| (0xDC00..0xE000).contains(&next));
    let width = if paired { 12 } else { 6 };
    Verdict { width, remove: unit == 0 || is_low || (is_high && !paired) }
}

/// The code unit of a `\uXXXX` that starts at `at`.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_goes_and_is_counted() {
        let cases: &[(&[u8], &str, i64)] = &[
            (br#"{"a":"plain"}"#, r#"{"a":"plain"}"#, 0),
            (br#"{"a":"x\u0000y"}"#, r#"{"a":"xy"}"#, 1),
            (b"{\"a\":\"x\0y\"}", r#"{"a":"xy"}"#, 1),
            (br#"{"a":"\ud83d\ude00"}"#, r#"{"a":"\ud83d\ude00"}"#, 0),
            (br#"{"a":"\uD83Dx"}"#, r#"{"a":"x"}"#, 1),
            (br#"{"a":"\ude00\ud83d"}"#, r#"{"a":""}"#, 2),
            (br#"{"a":"\ud83d\ud83d\ude00"}"#, r#"{"a":"\ud83d\ude00"}"#, 1),
            (br#"{"a":"\ud83d\u0041"}"#, r#"{"a":"\u0041"}"#, 1),
            (br#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#, 0),
            (br#"{"a":"\\\u0000"}"#, r#"{"a":"\\"}"#, 1),
            (br#"{"a":"\u000"#, r#"{"a":"\u000"#, 0),
            (br#"{"a":"\"#, r#"{"a":"\"#, 0),
            (b"{\"a\":\"\xed\xa0\xbdx\xff\"}", r#"{"a":"x"}"#, 4),
            ("{\"a\":\"\u{e9}\\u0000\u{1f600}\"}".as_bytes(), "{\"a\":\"\u{e9}\u{1f600}\"}", 1),
        ];
        for (body, expected, removed) in cases {
            let (text, count) = sanitise(body.to_vec());
            assert_eq!((text.as_str(), count), (*expected, *removed));
        }
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        let body = br#"{"a":"b"}"#.to_vec();
        let place = body.as_ptr();
        assert_eq!(sanitise(body).0.as_ptr(), place);
    }
}
