//! What GitHub tells of a credential's limits: kept in the database and shown as metrics.
//!
//! It must not know what the points are spent on.

use backfill_engine::budget::Figures;
use backfill_github::Client;
use backfill_store::StoredCredential;

use crate::backfill::observe::Look;
use crate::metrics::{self, Metrics};

/// Writes the credential's limits into the database, for the next start and other instances.
pub async fn keep_limits(look: &Look<'_>, github: &Client) {
    let figures = github.governor().figures();
    show_limits(&look.ctx.metrics, &github.identity(), &figures);
    let stored = StoredCredential {
        identity: github.identity(),
        token_hash: github.token_hash().to_owned(),
        namespace: look.seen.object.id.namespace.clone(),
        secret: look.object.spec.secret().unwrap_or_default().to_owned(),
        budget: github.governor().snapshot(),
    };
    if let Err(error) = look.ctx.store.record_credential(&stored).await {
        tracing::debug!(error = %error, "limits not recorded");
    }
}

/// The credential's figures of rule 3.4.
fn show_limits(metrics: &Metrics, identity: &str, figures: &Figures) {
    #[expect(clippy::cast_precision_loss, reason = "points and seconds are far below 2^52")]
    let number = |value: i64| value as f64;
    let series = [
        (metrics::LIMIT_REMAINING, figures.remaining.map(number)),
        (metrics::LIMIT, figures.limit.map(number)),
        (metrics::LIMIT_RESET, figures.reset_at.map(|at| number(at.as_second()))),
        (metrics::LIMIT_USED_RATIO, figures.percentage_used.map(|percent| percent / 100.0)),
        (metrics::GITHUB_QUERY_COST, Some(figures.average_cost_per_query)),
        (metrics::GITHUB_QUERIES_REMAINING, figures.queries_remaining.map(number)),
    ];
    for (name, value) in series {
        if let Some(value) = value {
            metrics.set(name, &[identity], value);
        }
    }
}
