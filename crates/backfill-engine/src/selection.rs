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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_repositories_with_a_hole_are_selected() {
        for (total, stored, active, selected) in [
            (100, 0, false, false),
            (101, 0, false, true),
            (101, 80, false, true),
            (101, 81, false, false),
            (1_000, 799, false, true),
            (1_000, 800, false, false),
            (1_000, 1_200, false, false),
            (1_000, 0, true, false),
            (0, 0, false, false),
            (i64::MAX, i64::MAX, false, false),
        ] {
            let rule = Selection::default();
            assert_eq!(rule.selects(total, stored, active), selected, "{stored} of {total}");
        }
        let own = Selection { more_than_pull_requests: 10, under_percent_stored: 100 };
        assert!(own.selects(11, 10, false) && !own.selects(11, 11, false));
    }
}
