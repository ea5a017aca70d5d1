//! Every figure of github-api.md sections 1.2, 1.3 and 6.1.
