//! Which repositories are worth a backfill: product rule 3.1.
//!
//! It must not know where the counts come from.

/// The thresholds. The default is the seed documents' rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The repository must have more pull requests than this.
    pub more_than_pull_requests: i64,
    /// Less than this share of them, in percent, must be stored.
    pub under_percent_stored: i64,
}

impl Default for Selection {
    fn default() -> Self {
        Self { more_than_pull_requests: 100, under_percent_stored: 80 }
    }
}

impl Selection {
    /// Whether a repository with `total` pull requests, `stored` of them in the database, is to
    /// be backfilled. One that is being backfilled already (`active`) is not.
    pub fn selects(&self, total: i64, stored: i64, active: bool) -> bool {
        let (stored, total_wide) = (i128::from(stored), i128::from(total));
        !active
            && total > self.more_than_pull_requests
            && 100 * stored < i128::from(self.under_percent_stored) * total_wide
    }
}
