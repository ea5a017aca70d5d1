//! Writes text that looks like what people write into pull requests: mostly plain words, some
//! code, some other scripts and emoji, sometimes CRLF. This file must not know where it goes.

use super::prng::Prng;

const WORDS: &[&str] = &[
    "the",
    "this",
    "change",
    "a",
    "of",
    "and",
    "fix",
    "to",
    "in",
    "when",
    "record",
    "header",
    "client",
    "server",
    "handshake",
    "should",
    "not",
    "be",
    "tests",
    "we",
    "is",
    "for",
    "with",
    "parser",
    "error",
    "buffer",
    "lock",
    "thread",
    "cache",
    "index",
    "query",
    "cursor",
    "page",
    "retry",
    "timeout",
    "build",
    "docs",
    "typo",
    "review",
    "please",
    "thanks",
    "LGTM",
    "see",
    "`foo()`",
    "`Option<T>`",
    "#42",
    "@someone",
    "https://example.org/a?b=c&d=e",
    "\"quoted\"",
    "back\\slash",
    "tab\there",
    "—",
    "naïve",
    "Größe",
    "日本語",
    "привет",
    "עברית",
    "🚀",
    "👩‍💻",
    "e\u{301}",
];

/// Text of about `bytes` bytes (at most a word more), never with a NUL.
pub fn text(prng: &mut Prng, bytes: u64) -> String {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let line_end = if prng.chance(0.1) { "\r\n" } else { "\n" };
    let mut text = String::with_capacity(bytes + 32);
    while text.len() < bytes {
        let draw = prng.next();
        text.push_str(WORDS[usize::try_from(draw >> 40).unwrap_or(0) % WORDS.len()]);
        text.push_str(if draw.is_multiple_of(12) { line_end } else { " " });
    }
    text
}

/// A title: one line of a few words.
pub fn title(prng: &mut Prng) -> String {
    let words = 2 + prng.below(8);
    let mut title = String::new();
    for _ in 0..words {
        let word = WORDS[usize::try_from(prng.below(WORDS.len() as u64)).unwrap_or(0)];
        title.push_str(word);
        title.push(' ');
    }
    title.truncate(title.trim_end().len());
    title
}

/// A path of up to four parts.
pub fn path(prng: &mut Prng) -> String {
    let mut path = String::new();
    for _ in 0..=prng.below(3) {
        path.push_str(
            ["src", "lib", "tests", "docs", "größe", "a b"]
                [usize::try_from(prng.below(6)).unwrap_or(0)],
        );
        path.push('/');
    }
    path + &format!("file_{}.rs", prng.below(400))
}
