//! Text exactly as its JSON literal stands in the world file, quotes included.
//!
//! A body may hold what no Rust string can, such as a lone surrogate (`\ud800`). Keeping the
//! literal lets it reach a client as it came. This file must not know what the text belongs to.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON string literal, `"…"`, that passed the JSON scanner once and is never decoded again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// The literal with its quotes, ready to be written into a JSON document.
    pub fn literal(&self) -> &str {
        &self.0
    }

    /// The decoded text; a lone surrogate becomes U+FFFD.
    pub fn decoded(&self) -> String {
        serde_json::from_str(&self.0).unwrap_or_else(|_| {
            serde_json::from_slice::<LossyText>(self.0.as_bytes())
                .map_or_else(|_| String::from('\u{fffd}'), |lossy| lossy.0)
        })
    }
}

/// Decodes through bytes, where serde_json lets lone surrogates pass as WTF-8.
struct LossyText(String);

impl<'de> Deserialize<'de> for LossyText {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = LossyText;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<LossyText, E> {
                Ok(LossyText(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        input.deserialize_bytes(Bytes)
    }
}

impl Default for Text {
    fn default() -> Self {
        Text(Box::from("\"\""))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(serde_json::Value::from(text).to_string().into_boxed_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(input)?;
        match raw.get() {
            "null" => Ok(Text::default()),
            literal if literal.starts_with('"') => Ok(Text(literal.into())),
            other => Err(D::Error::custom(format_args!("expected a text, found {other}"))),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(output)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lone_surrogate_and_a_nul_go_out_as_they_came_in() {
        let line = r#""a\ud800b\u0000c""#;
        let text: Text = serde_json::from_str(line).unwrap();
        assert_eq!(text.literal(), line);
        assert_eq!(serde_json::to_string(&text).unwrap(), line);
        assert!(text.decoded().starts_with('a'));
    }

    #[test]
    fn null_is_the_empty_text_and_a_number_is_refused() {
        assert_eq!(serde_json::from_str::<Text>("null").unwrap(), Text::default());
        assert!(serde_json::from_str::<Text>("3").is_err());
    }
}
