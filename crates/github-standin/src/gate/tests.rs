//! The limits, by the clock handed in.
