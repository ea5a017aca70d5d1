//! Cursors as GitHub writes them: base64 of `cursor:v2:` and a MessagePack array that holds the
//! sort key of a row, so that a page is cut by value and survives the row's deletion.
//!
//! `commits`, `files` and other lists without a key use small offsets. Times are in UTC, as for
//! a viewer without a time zone. This file must not know pages.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::msgpack::{Scalar, decode, encode};
use crate::world::Moment;
use crate::world::index::Key;

const PREFIX: &[u8] = b"cursor:v2:";

/// What a connection's cursors look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `[id]`: pull requests without `orderBy`.
    Id,
    /// `[time, id]`: pull requests by a time, comments, review threads.
    Timed,
    /// `[time, 0, id]`: reviews.
    Review,
    /// `[name, time, place]`: labels.
    Label,
    /// A decimal number that counts from 1: commits, files, assignees.
    Offset,
}

/// What a given cursor says about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The key of a row, which may be gone.
    Key(Key),
    /// A cursor, but of another kind of connection: accepted, and nothing lies beyond it.
    Foreign,
    /// No cursor at all.
    Broken,
}

impl Form {
    /// Writes the cursor of a row; the name matters for labels only.
    pub fn write(self, key: Key, name: &str) -> String {
        let (time, id) = key;
        let timed = |time: Moment| Scalar::Text(time.to_string());
        let values = match self {
            Form::Id => vec![id.into()],
            Form::Timed => vec![timed(time), id.into()],
            Form::Review => vec![timed(time), 0.into(), id.into()],
            Form::Label => vec![Scalar::Text(name.into()), timed(time), id.into()],
            Form::Offset => return STANDARD.encode(id.to_string()),
        };
        STANDARD.encode([PREFIX, &encode(&values)].concat())
    }

    /// Reads a cursor that a client gave, in either base64 alphabet, padded or not.
    pub fn read(self, cursor: &str) -> Reading {
        let Some(bytes) = base64(cursor) else { return Reading::Broken };
        let Some(packed) = bytes.strip_prefix(PREFIX) else {
            return match std::str::from_utf8(&bytes).map(str::parse) {
                Ok(Ok(place)) if self == Form::Offset => Reading::Key((Moment::default(), place)),
                Ok(Ok(_)) => Reading::Foreign,
                _ => Reading::Broken,
            };
        };
        let Some(values) = decode(packed) else { return Reading::Broken };
        let key = match (self, values.as_slice()) {
            (Form::Id, [Scalar::Number(id)])
            | (Form::Label, [Scalar::Text(_), Scalar::Text(_), Scalar::Number(id)]) => {
                Some((Moment::default(), *id))
            }
            (Form::Timed, [Scalar::Text(time), Scalar::Number(id)])
            | (Form::Review, [Scalar::Text(time), _, Scalar::Number(id)]) => {
                time.parse().ok().map(|time| (time, *id))
            }
            _ => None,
        };
        key.map_or(Reading::Foreign, Reading::Key)
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() {
        return None;
    }
    let alphabets = [STANDARD, URL_SAFE, STANDARD_NO_PAD, URL_SAFE_NO_PAD];
    alphabets.iter().find_map(|alphabet| alphabet.decode(text).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The captures of github-api.md section 3.2.
    #[test]
    fn captured_cursors_are_written_and_read_byte_for_byte() {
        let id = (Moment::default(), 0x507f_01ee);
        assert_eq!(Form::Id.write(id, ""), "Y3Vyc29yOnYyOpHOUH8B7g==");
        assert_eq!(Form::Id.read("Y3Vyc29yOnYyOpHOUH8B7g=="), Reading::Key(id));
        let time: Moment = "2020-11-18T15:18:20+01:00".parse().unwrap();
        let written = STANDARD.decode(Form::Timed.write((time, 70_000), "")).unwrap();
        assert_eq!(&written[10..12], &[0x92, 0xb4]);
        assert_eq!(&written[12..32], b"2020-11-18T14:18:20Z");
        assert_eq!(written[32], 0xce);
        assert_eq!(Form::Offset.read("MTAw"), Reading::Key((Moment::default(), 100)));
        assert_eq!(Form::Offset.write((Moment::default(), 100), ""), "MTAw");
    }

    /// A cursor in another time zone names the same moment.
    #[test]
    fn a_cursor_with_an_offset_is_read() {
        let packed = encode(&[Scalar::Text("2020-11-18T15:18:20+01:00".into()), 7.into()]);
        let cursor = URL_SAFE_NO_PAD.encode([PREFIX, &packed].concat());
        let time = "2020-11-18T14:18:20Z".parse().unwrap();
        assert_eq!(Form::Timed.read(&cursor), Reading::Key((time, 7)));
    }

    #[test]
    fn foreign_cursors_are_told_from_broken_ones() {
        let key = ("2020-01-01T00:00:00Z".parse().unwrap(), 9);
        for (of, given) in
            [(Form::Id, Form::Timed), (Form::Timed, Form::Id), (Form::Id, Form::Offset)]
        {
            assert_eq!(of.read(&given.write(key, "")), Reading::Foreign);
        }
        for broken in ["", "abc", "not base64!", "Y3Vyc29yOnYyOpHOUH8B", "YWJj"] {
            assert_eq!(Form::Id.read(broken), Reading::Broken, "{broken}");
        }
        for form in [Form::Id, Form::Timed, Form::Review, Form::Label, Form::Offset] {
            let Reading::Key((_, id)) = form.read(&form.write(key, "bug")) else {
                panic!("{form:?} cannot read itself")
            };
            assert_eq!(id, 9);
        }
    }
}
