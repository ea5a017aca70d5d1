//! The plan, rule by rule.
