//! Cuts a Postgres byte stream into its messages. Must not know what to make of them.
//! <https://www.postgresql.org/docs/18/protocol-message-formats.html>

use tokio::io::{AsyncRead, AsyncReadExt};

/// Larger than any message here; a longer length means that the stream is not understood.
const LENGTH_MAX: usize = 256 * 1024 * 1024;

/// One whole message as it stood in the stream.
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    is_typed: bool,
}

impl Message {
    /// Its type; `None` for the messages before the session starts, which have none.
    pub(super) fn kind(&self) -> Option<u8> {
        self.is_typed.then(|| self.bytes[0])
    }

    /// What follows the type and the length.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[if self.is_typed { 5 } else { 4 }..]
    }

    /// Whether this is a simple query that commits.
    pub(super) fn commits(&self) -> bool {
        let text = self.body().strip_suffix(&[0]).unwrap_or_default();
        let text = text.trim_ascii();
        let text = text.strip_suffix(b";").unwrap_or(text);
        self.kind() == Some(b'Q') && text.eq_ignore_ascii_case(b"COMMIT")
    }
}

/// Reads the next message; `None` at the end of the stream.
/// It must not be abandoned midway: give it a task of its own rather than a `select!`.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    is_typed: bool,
) -> anyhow::Result<Option<Message>> {
    let head_length = if is_typed { 5 } else { 4 };
    let mut bytes = vec![0; head_length];
    if stream.read(&mut bytes[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut bytes[1..]).await?;
    let mut length = [0; 4];
    length.copy_from_slice(&bytes[head_length - 4..]);
    let rest = usize::try_from(u32::from_be_bytes(length))?.checked_sub(4);
    let Some(rest) = rest.filter(|rest| *rest <= LENGTH_MAX) else {
        anyhow::bail!("a message of an impossible length");
    };
    bytes.resize(head_length + rest, 0);
    stream.read_exact(&mut bytes[head_length..]).await?;
    Ok(Some(Message { bytes, is_typed }))
}

#[cfg(test)]
mod tests {
    use super::{Message, read};

    fn query(text: &str) -> Vec<u8> {
        let mut bytes = vec![b'Q'];
        bytes.extend(u32::try_from(text.len() + 5).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes.push(0);
        bytes
    }

    #[tokio::test]
    async fn messages_are_cut_where_they_end() {
        let stream = [query("BEGIN"), query("COMMIT"), query("SELECT 'COMMIT'")].concat();
        let mut rest = stream.as_slice();
        let mut commits = Vec::new();
        while let Some(message) = read(&mut rest, true).await.unwrap() {
            commits.push(message.commits());
        }
        assert_eq!(commits, [false, true, false]);
    }

    #[test]
    fn a_commit_is_known_in_every_spelling_and_only_as_a_query() {
        let is_commit = |text| Message { bytes: query(text), is_typed: true }.commits();
        assert!(is_commit("commit;") && is_commit(" COMMIT "));
        assert!(!is_commit("COMMIT PREPARED 'x'") && !is_commit(""));
    }
}
