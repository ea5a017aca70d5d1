//! Work that may take so long, what it waits for the budget not counted.
//!
//! It must not know what the work is.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Client;

impl Client {
    /// What the work comes to, unless it takes longer than `limit`. How long its queries waited for
    /// room in the minute is not counted, up to as much again.
    pub async fn in_time<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        in_time(limit, Box::pin(work), || self.waited()).await
    }
}

async fn in_time<T>(
    limit: Duration,
    mut work: impl Future<Output = T> + Unpin,
    waited: impl Fn() -> Duration,
) -> Option<T> {
    let (began, before) = (Instant::now(), waited());
    loop {
        let waiting = waited().saturating_sub(before).min(limit);
        let end = began + limit + waiting;
        if end <= Instant::now() {
            return None;
        }
        if let Ok(done) = timeout_at(end, &mut work).await {
            return Some(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_budget_does_not_count_into_the_works_time() {
        for (minutes, waited, is_done) in
            [(14, 0, true), (16, 0, false), (20, 6, true), (22, 6, false), (31, 60, false)]
        {
            let meter = Cell::new(Duration::from_mins(5));
            let work = async {
                meter.set(meter.get() + Duration::from_mins(waited));
                tokio::time::sleep(Duration::from_mins(minutes)).await;
            };
            let limit = Duration::from_mins(15);
            let done = in_time(limit, Box::pin(work), || meter.get()).await;
            assert_eq!(done.is_some(), is_done, "{waited} of {minutes} minutes");
        }
    }
}
