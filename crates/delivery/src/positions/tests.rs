//! The rules of positions, and any sequence of events against a model that remembers everything.

use proptest::prelude::*;

use super::*;

fn take(positions: &mut Positions, partition: i32, offset: i64) -> u64 {
    let step = positions.take(partition, offset, Timestamp::EPOCH);
    let Step::Taken { assignment } = step else {
        panic!("{step:?}");
    };
    positions.hand_out(partition, assignment);
    assignment
}

fn assigned(partition: i32) -> Positions {
    let mut positions = Positions::default();
    positions.assign(partition, 1);
    positions
}

#[test]
fn a_new_assignment_has_nothing_to_commit() {
    assert_eq!(assigned(0).committable(), []);
}

#[test]
fn what_is_in_flight_holds_the_position_back() {
    let mut positions = assigned(0);
    let assignment = take(&mut positions, 0, 5);
    take(&mut positions, 0, 6);
    take(&mut positions, 0, 7);
    assert_eq!(positions.committable(), [(0, 5)], "where it began");
    positions.done(0, assignment, 7);
    positions.done(0, assignment, 6);
    assert_eq!(positions.committable(), [(0, 5)]);
    positions.done(0, assignment, 5);
    assert_eq!(positions.committable(), [(0, 8)]);
    assert_eq!(positions.in_flight(), 0);
}

#[test]
fn gaps_between_offsets_are_no_records() {
    let mut positions = assigned(0);
    let assignment = take(&mut positions, 0, 5);
    take(&mut positions, 0, 90);
    positions.done(0, assignment, 5);
    assert_eq!(positions.committable(), [(0, 90)]);
    positions.done(0, assignment, 90);
    assert_eq!(positions.committable(), [(0, 91)]);
}

#[test]
fn what_an_older_assignment_handed_out_changes_nothing() {
    let mut positions = assigned(0);
    let older = take(&mut positions, 0, 5);
    positions.revoke(0);
    positions.done(0, older, 5);
    positions.assign(0, 2);
    assert_eq!(positions.in_flight(), 0);
    let newer = take(&mut positions, 0, 5);
    positions.done(0, older, 5);
    assert_eq!(positions.committable(), [(0, 5)]);
    positions.done(0, newer, 5);
    positions.done(0, newer, 5);
    assert_eq!(positions.committable(), [(0, 6)]);
}

#[test]
fn a_position_is_committable_until_it_is_kept() {
    let mut positions = assigned(0);
    let assignment = take(&mut positions, 0, 5);
    for kept in [None, Some(3)] {
        assert!(positions.kept(0, kept));
        assert_eq!(positions.committable(), [(0, 5)]);
    }
    assert!(positions.kept(0, Some(5)));
    assert_eq!(positions.committable(), []);
    positions.done(0, assignment, 5);
    assert_eq!(positions.committable(), [(0, 6)]);
}

#[test]
fn a_log_that_goes_back_is_noticed() {
    let mut positions = assigned(0);
    take(&mut positions, 0, 5);
    assert_eq!(
        positions.take(0, 5, Timestamp::EPOCH),
        Step::Back { expected: 6 }
    );
    assert_eq!(positions.take(1, 0, Timestamp::EPOCH), Step::Foreign);
}

#[test]
fn a_kept_position_that_is_lost_is_noticed() {
    let mut positions = assigned(0);
    assert!(positions.kept(0, None), "none was kept yet");
    assert!(positions.kept(0, Some(5)));
    assert!(!positions.kept(0, None));
    assert!(!positions.kept(0, None), "and not forgotten");
    positions.assign(0, 2);
    assert!(positions.kept(0, None), "of another assignment");
}

#[test]
fn the_oldest_is_the_head_that_has_waited_longest() {
    let at = |millis| Timestamp::from_millis(millis).unwrap();
    let mut positions = assigned(0);
    positions.assign(1, 2);
    assert_eq!(positions.oldest(), None);
    positions.take(0, 5, at(300));
    positions.take(1, 5, at(200));
    assert_eq!(positions.oldest(), Some(at(200)));
}

#[derive(Debug, Clone)]
enum Event {
    Assign(i32),
    Revoke(i32),
    Take {
        partition: i32,
        gap: i64,
    },
    /// Of everything that was ever handed out, which one is done now.
    Done(prop::sample::Index),
    Commit,
}

fn event() -> impl Strategy<Value = Event> {
    let partition = 0..3_i32;
    prop_oneof![
        1 => partition.clone().prop_map(Event::Assign),
        1 => partition.clone().prop_map(Event::Revoke),
        8 => (partition, 0..4_i64).prop_map(|(partition, gap)| Event::Take { partition, gap }),
        8 => any::<prop::sample::Index>().prop_map(Event::Done),
        1 => Just(Event::Commit),
    ]
}

/// Everything that was ever handed out.
#[derive(Debug, Default)]
struct Model {
    taken: Vec<(i32, u64, i64, bool)>,
    current: BTreeMap<i32, u64>,
    kept: BTreeMap<i32, i64>,
    assignments: u64,
}

impl Model {
    fn of(&self, partition: i32) -> impl Iterator<Item = &(i32, u64, i64, bool)> {
        let current = self.current.get(&partition).copied();
        self.taken
            .iter()
            .filter(move |taken| taken.0 == partition && Some(taken.1) == current)
    }

    fn committable(&self) -> Vec<(i32, i64)> {
        let positions = self.current.keys().filter_map(|partition| {
            let first = self.of(*partition).find(|taken| !taken.3);
            let end = self.of(*partition).last().map(|taken| taken.2 + 1);
            let position = first.map(|taken| taken.2).or(end)?;
            (self.kept.get(partition) != Some(&position)).then_some((*partition, position))
        });
        positions.collect()
    }
}

proptest! {
    #[test]
    fn only_the_contiguous_done_prefix_is_ever_committable(events in prop::collection::vec(event(), 0..200)) {
        let mut positions = Positions::default();
        let mut model = Model::default();
        let mut next_offset = 0;
        for event in events {
            match event {
                Event::Assign(partition) => {
                    model.assignments += 1;
                    positions.assign(partition, model.assignments);
                    model.current.insert(partition, model.assignments);
                    model.kept.remove(&partition);
                }
                Event::Revoke(partition) => {
                    positions.revoke(partition);
                    model.current.remove(&partition);
                    model.kept.remove(&partition);
                }
                Event::Take { partition, gap } => {
                    next_offset += gap;
                    if let Step::Taken { assignment } = positions.take(partition, next_offset, Timestamp::EPOCH) {
                        positions.hand_out(partition, assignment);
                        model.taken.push((partition, assignment, next_offset, false));
                        next_offset += 1;
                    } else {
                        prop_assert!(!model.current.contains_key(&partition));
                    }
                }
                Event::Done(which) => {
                    if !model.taken.is_empty() {
                        let taken = *which.get(&model.taken);
                        positions.done(taken.0, taken.1, taken.2);
                        let known = model.taken.iter_mut().find(|known| **known == taken);
                        known.unwrap().3 = true;
                    }
                }
                Event::Commit => {
                    for (partition, position) in positions.committable() {
                        prop_assert!(positions.kept(partition, Some(position)));
                        model.kept.insert(partition, position);
                    }
                }
            }
            prop_assert_eq!(positions.committable(), model.committable());
            let undone = model.current.keys().map(|partition| model.of(*partition).filter(|taken| !taken.3).count());
            prop_assert_eq!(positions.in_flight(), undone.sum::<usize>());
        }
    }
}
