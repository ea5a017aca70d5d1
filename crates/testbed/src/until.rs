//! Waiting for what is on its way: looks again until it is there. Must not know what it is.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

/// Measured 5.6 s for a whole control plane on two idle cores; a busy machine takes several
/// times that.
const LIMIT: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `look` succeeds. After two minutes the last look's error is returned, as
/// that of waiting for `what`.
pub async fn until_ok<T>(
    what: &str,
    look: impl AsyncFn() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match look().await {
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("waited in vain for {what}"));
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            found => return found,
        }
    }
}
