//! What a query costs, by GitHub's own formulas, before it is sent.
//!
//! The formula itself and the price of a list page are the engine's (`plan`), which prices walks by
//! them; here is what depends on how follow-ups are composed. Nodes count like points, with a
//! connection's own size, and both by what is asked for, not by what comes back (docs.github.com,
//! "Rate limits and query limits for the GraphQL API").

use backfill_engine::plan::points;

use crate::queries::overflow::{Slot, Wanted};

/// Possible nodes that one query may ask for.
pub(crate) const NODE_LIMIT: i64 = 500_000;
/// Aliases in one query. GitHub was measured to fail what came after the 76th (github-api.md 2.3).
pub(crate) const MOST_ALIASES: usize = 75;

/// Weight that one follow-up asks for, beside the comments inside its threads: its answer is held
/// as text and read in one piece.
const MOST_WEIGHT: i64 = 400;

/// Points of one follow-up request.
pub(crate) fn follow_up_points(wanted: &[Wanted]) -> i64 {
    points(
        wanted.iter().map(|page| if page.slot == Slot::Threads { 1 + page.first } else { 1 }).sum(),
    )
}

/// What so many children weigh in memory: one each for what people write at length, a tenth for
/// commits, files and names.
pub(crate) fn weight(slot: Slot, children: i64) -> i64 {
    match slot {
        Slot::Reviews | Slot::Comments | Slot::Threads | Slot::ThreadComments(_) => children,
        Slot::Commits | Slot::Files | Slot::Labels | Slot::Assignees => (children + 9) / 10,
    }
}

/// Possible nodes of one wanted page, `inner` being the first page of a thread's comments.
fn nodes(page: &Wanted, inner: i64) -> i64 {
    if page.slot == Slot::Threads { page.first * (1 + inner) } else { page.first }
}

/// The wanted pages of a round in as few requests as GitHub's limits and our memory allow, none
/// with more than `most` pages.
pub(crate) fn requests<T: AsRef<Wanted>>(round: Vec<T>, inner: i64, most: usize) -> Vec<Vec<T>> {
    let mut requests: Vec<Vec<T>> = Vec::new();
    let (mut room, mut left) = (0, 0);
    for page in round {
        let Wanted { slot, expected, .. } = *page.as_ref();
        let (size, weight) = (nodes(page.as_ref(), inner), weight(slot, expected));
        let fits = size <= room && weight <= left;
        match requests.last_mut() {
            Some(request) if request.len() < most && fits => request.push(page),
            _ => {
                (room, left) = (NODE_LIMIT, MOST_WEIGHT);
                requests.push(vec![page]);
            }
        }
        (room, left) = (room - size, left - weight);
    }
    requests
}

#[cfg(test)]
mod tests {
    use backfill_engine::model::Part;
    use backfill_engine::plan::list_points;

    use super::*;

    const USUAL: [Part; 3] = [Part::Reviews, Part::ReviewComments, Part::Comments];

    fn wanted(slot: Slot, first: i64) -> Wanted {
        Wanted { slot, node: "n".into(), after: None, first, expected: first }
    }

    #[test]
    fn points_follow_githubs_formula() {
        // github-api.md 6.1, shape D with `reviewThreads{totalCount}`: 1 + 7 N requests.
        assert_eq!(list_points(25, &USUAL), 2);
        assert_eq!(list_points(50, &USUAL), 3);
        assert_eq!(list_points(100, &USUAL), 6);
        assert_eq!(list_points(1, &[]), 1);
        assert_eq!(follow_up_points(&[wanted(Slot::Comments, 100)]), 1);
        // 25 pull requests with 50 threads each: 25 * (1 + 50) = 1,275.
        let threads = vec![wanted(Slot::Threads, 50); 25];
        assert_eq!(follow_up_points(&threads), 13);
    }

    struct One(Wanted);
    impl AsRef<Wanted> for One {
        fn as_ref(&self) -> &Wanted {
            &self.0
        }
    }

    #[test]
    fn a_round_is_split_only_at_the_limits() {
        let sizes = |slot, first, count: usize| -> Vec<usize> {
            let round = (0..count).map(|_| One(wanted(slot, first))).collect();
            requests(round, 50, MOST_ALIASES).iter().map(Vec::len).collect()
        };
        assert!(sizes(Slot::Comments, 100, 0).is_empty());
        assert_eq!(sizes(Slot::Comments, 4, 75), [75]);
        assert_eq!(sizes(Slot::Comments, 4, 76), [75, 1]);
        assert_eq!(sizes(Slot::Comments, 100, 9), [4, 4, 1], "400 children each");
        assert_eq!(sizes(Slot::Files, 100, 75), [40, 35], "files weigh a tenth");
        assert_eq!(sizes(Slot::Threads, 100, 5), [4, 1]);
        let round = (0..3).map(|_| One(wanted(Slot::Threads, 100))).collect();
        let split: Vec<usize> = requests(round, 2_000, 75).iter().map(Vec::len).collect();
        assert_eq!(split, [2, 1], "200,100 nodes each");
    }
}
