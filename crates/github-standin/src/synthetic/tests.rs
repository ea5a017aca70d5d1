//! The distributions against the figures of github-api.md section 7.
