//! The sliver of MessagePack that GitHub's cursors and node ids use: one flat array of unsigned
//! integers and short texts. This file must not know what the values mean.

/// One element of a packed array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// An unsigned integer.
    Number(u64),
    /// A text of at most 65,535 bytes.
    Text(String),
}

impl From<u64> for Scalar {
    fn from(number: u64) -> Self {
        Scalar::Number(number)
    }
}

/// Packs up to 15 values in the shortest form of each.
pub fn encode(values: &[Scalar]) -> Vec<u8> {
    let mut out = vec![0x90 | low_byte(values.len() as u64 & 0x0f)];
    for value in values {
        match value {
            Scalar::Number(number) => encode_number(*number, &mut out),
            Scalar::Text(text) => encode_text(text, &mut out),
        }
    }
    out
}

fn low_byte(number: u64) -> u8 {
    number.to_be_bytes()[7]
}

fn encode_number(number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    match number {
        0..=0x7f => out.push(bytes[7]),
        0x80..=0xff => out.extend([0xcc, bytes[7]]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend(&bytes[4..]);
        }
        _ => {
            out.push(0xcf);
            out.extend(bytes);
        }
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    let length = (text.len() as u64).to_be_bytes();
    match text.len() {
        0..=31 => out.push(0xa0 | length[7]),
        32..=0xff => out.extend([0xd9, length[7]]),
        _ => {
            out.push(0xda);
            out.extend(&length[6..]);
        }
    }
    out.extend(text.as_bytes());
}

/// Unpacks one array; `None` if the bytes are anything else or something is left over.
pub fn decode(bytes: &[u8]) -> Option<Vec<Scalar>> {
    let (&head, mut rest) = bytes.split_first()?;
    if head & 0xf0 != 0x90 {
        return None;
    }
    let mut values = Vec::new();
    for _ in 0..head & 0x0f {
        values.push(decode_one(&mut rest)?);
    }
    rest.is_empty().then_some(values)
}

fn decode_one(rest: &mut &[u8]) -> Option<Scalar> {
    let head = take(rest, 1)?[0];
    Some(match head {
        0..=0x7f => Scalar::Number(head.into()),
        0xcc => Scalar::Number(take_number(rest, 1)?),
        0xcd => Scalar::Number(take_number(rest, 2)?),
        0xce => Scalar::Number(take_number(rest, 4)?),
        0xcf => Scalar::Number(take_number(rest, 8)?),
        0xa0..=0xbf => take_text(rest, u64::from(head & 0x1f))?,
        0xd9 => {
            let length = take_number(rest, 1)?;
            take_text(rest, length)?
        }
        0xda => {
            let length = take_number(rest, 2)?;
            take_text(rest, length)?
        }
        _ => return None,
    })
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_number(rest: &mut &[u8], count: usize) -> Option<u64> {
    Some(take(rest, count)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn take_text(rest: &mut &[u8], length: u64) -> Option<Scalar> {
    let bytes = take(rest, usize::try_from(length).ok()?)?;
    Some(Scalar::Text(String::from_utf8(bytes.to_vec()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_survives_the_round_trip() {
        for number in [0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296] {
            for text in [0, 31, 32, 255, 256] {
                let values = [Scalar::Number(number), Scalar::Text("x".repeat(text))];
                assert_eq!(decode(&encode(&values)).as_deref(), Some(&values[..]));
            }
        }
    }

    #[test]
    fn cut_or_padded_bytes_are_refused() {
        let bytes = encode(&[Scalar::Number(70_000), Scalar::Text("abc".into())]);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "cut at {end}");
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
    }
}
