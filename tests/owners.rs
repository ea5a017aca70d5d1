//! A repository has one owner at a time, and its rows outlive or follow that owner as asked.

mod deletion;
mod names;
mod said;
mod turns;
