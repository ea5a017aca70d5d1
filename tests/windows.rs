//! A manifest says what is captured, how fast and when it counts as ready; an edit changes that
//! under way without losing or rewriting what is stored.

mod bounds;
mod edits;
mod pace;
