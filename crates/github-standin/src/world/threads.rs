//! Forms review threads: a root comment and everything that answers it, directly or not.
//!
//! This file must not know how threads are shown.

use std::collections::HashMap;

use super::model::PullRequest;

/// A thread: places in `review_comments`, the root first, then the replies by time and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Never empty.
    pub comments: Vec<usize>,
}

/// The threads of a pull request in the order of their roots.
///
/// A reply whose root is missing is a root itself, and so is the first comment of a circle.
pub fn threads(pull: &PullRequest) -> Vec<Thread> {
    let comments = &pull.review_comments;
    let places: HashMap<u64, usize> = comments
        .iter()
        .enumerate()
        .map(|(place, comment)| (comment.full_database_id, place))
        .collect();
    let parent = |place: usize| {
        let answered = comments[place].reply_to?;
        places.get(&answered).copied().filter(|parent| *parent != place)
    };
    let mut threads: Vec<Thread> = Vec::new();
    let mut thread_of_root: HashMap<usize, usize> = HashMap::new();
    for place in 0..comments.len() {
        let mut root = place;
        let mut walked = 0;
        while let Some(next) = parent(root).filter(|_| walked <= comments.len()) {
            root = next;
            walked += 1;
        }
        if walked > comments.len() {
            root = place;
        }
        let next = threads.len();
        let slot = *thread_of_root.entry(root).or_insert(next);
        if slot == next {
            threads.push(Thread { comments: vec![root] });
        }
        if place != root {
            threads[slot].comments.push(place);
        }
    }
    threads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::model::ReviewComment;

    fn formed(replies: &[(u64, Option<u64>)]) -> Vec<Vec<usize>> {
        let review_comments = replies
            .iter()
            .map(|(id, reply_to)| ReviewComment {
                full_database_id: *id,
                reply_to: *reply_to,
                ..ReviewComment::default()
            })
            .collect();
        let pull = PullRequest { review_comments, ..PullRequest::default() };
        threads(&pull).into_iter().map(|thread| thread.comments).collect()
    }

    #[test]
    fn replies_of_replies_join_the_root_and_orphans_stand_alone() {
        let threads = formed(&[(1, None), (2, None), (3, Some(1)), (4, Some(3)), (5, Some(99))]);
        assert_eq!(threads, [vec![0, 2, 3], vec![1], vec![4]]);
    }

    #[test]
    fn a_circle_of_replies_ends() {
        let threads = formed(&[(1, Some(2)), (2, Some(1)), (3, Some(3))]);
        assert_eq!(threads.iter().map(Vec::len).sum::<usize>(), 3);
    }
}
