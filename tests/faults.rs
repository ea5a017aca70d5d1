//! Whatever GitHub answers, the walk ends whole: what fails is tried smaller, later or alone, and
//! only what cannot be read at all is set aside and said.

mod answers;
mod at_once;
mod poison;
mod totals;
