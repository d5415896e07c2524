//! Makes a schedule that breaks a rule as small as it gets.

use crate::record::What;
use crate::schedule::{Fault, Incident, Schedule, Turn};

/// Takes away one thing after another, as long as what is left still breaks a rule.
pub(crate) fn shrink(mut schedule: Schedule, breaks: impl Fn(&Schedule) -> bool) -> Schedule {
    while let Some(simpler) = simpler(&schedule).into_iter().find(&breaks) {
        schedule = simpler;
    }
    schedule
}

/// Everything that is one step simpler, beginning with the largest steps. No steps lead back, so every walk ends.
fn simpler(schedule: &Schedule) -> Vec<Schedule> {
    let mut steps = poorer(schedule);
    steps.extend(shorter(schedule));
    steps.extend(with_simpler_turns(schedule));
    steps.extend(with_simpler_happenings(schedule));
    steps.retain(|step| step != schedule);
    steps
}

fn with(schedule: &Schedule, change: impl FnOnce(&mut Schedule)) -> Schedule {
    let mut changed = schedule.clone();
    change(&mut changed);
    changed
}

/// One kind of thing is not there at all.
fn poorer(schedule: &Schedule) -> Vec<Schedule> {
    let changes: [fn(&mut Schedule); 10] = [
        |it| it.incidents.clear(),
        |it| it.writes.clear(),
        |it| it.burials.clear(),
        |it| it.posts.clear(),
        |it| it.commits.clear(),
        |it| it.partitions = 1,
        |it| it.members = 1,
        |it| it.workers = 1,
        |it| it.batch_max = 1,
        |it| it.jitter = 0,
    ];
    changes.map(|change| with(schedule, change)).into()
}

/// One thing is not there.
fn shorter(schedule: &Schedule) -> Vec<Schedule> {
    let records = without_one(&schedule.records)
        .into_iter()
        .map(|records| with(schedule, |it| it.records = records));
    let incidents = without_one(&schedule.incidents)
        .into_iter()
        .map(|incidents| with(schedule, |it| it.incidents = incidents));
    let commits = without_one(&schedule.commits)
        .into_iter()
        .map(|commits| with(schedule, |it| it.commits = commits));
    records.chain(incidents).chain(commits).collect()
}

fn with_simpler_turns(schedule: &Schedule) -> Vec<Schedule> {
    let kinds: [fn(&mut Schedule) -> &mut Vec<Turn>; 3] = [
        |it| &mut it.writes,
        |it| &mut it.burials,
        |it| &mut it.posts,
    ];
    let mut steps = Vec::new();
    for turns_of in kinds {
        let turns = turns_of(&mut schedule.clone()).clone();
        let lists = without_one(&turns).into_iter().chain(joined(&turns));
        steps.extend(lists.map(|list| with(schedule, |it| *turns_of(it) = list)));
        for (place, turn) in turns.iter().enumerate() {
            let simpler = simpler_turns(turn).into_iter();
            steps.extend(simpler.map(|turn| with(schedule, |it| turns_of(it)[place] = turn)));
        }
    }
    steps
}

fn with_simpler_happenings(schedule: &Schedule) -> Vec<Schedule> {
    let mut steps = Vec::new();
    for (place, (at, _, what)) in schedule.records.iter().enumerate() {
        steps.extend(less(*at).map(|at| with(schedule, |it| it.records[place].0 = at)));
        steps.push(with(schedule, |it| it.records[place].1 = 0));
        if let What::Purchase { id, content } = *what {
            for what in [
                What::Purchase { id: 0, content },
                What::Purchase { id, content: 0 },
            ] {
                steps.push(with(schedule, |it| it.records[place].2 = what));
            }
        }
    }
    for (place, (at, incident)) in schedule.incidents.iter().enumerate() {
        steps.extend(less(*at).map(|at| with(schedule, |it| it.incidents[place].0 = at)));
        let simpler = simpler_incidents(*incident).into_iter();
        steps.extend(simpler.map(|incident| with(schedule, |it| it.incidents[place].1 = incident)));
    }
    steps
}

fn simpler_incidents(incident: Incident) -> Vec<Incident> {
    match incident {
        Incident::Crash { .. } => vec![Incident::Crash { member: 0 }],
        Incident::Stop { .. } => vec![Incident::Stop { member: 0 }],
        Incident::Move {
            partition,
            member,
            lost,
        } => {
            let notices = less(lost.unwrap_or(0)).map(Some).chain([None]);
            let mut moves: Vec<_> = notices
                .map(|lost| Incident::Move {
                    partition,
                    member,
                    lost,
                })
                .collect();
            moves.push(Incident::Move {
                partition: 0,
                member,
                lost,
            });
            moves.push(Incident::Move {
                partition,
                member: 0,
                lost,
            });
            moves
        }
        Incident::Anew => Vec::new(),
    }
}

fn simpler_turns(turn: &Turn) -> Vec<Turn> {
    let turn = *turn;
    let fewer = less(turn.times)
        .filter(|times| *times > 0)
        .map(|times| Turn { times, ..turn });
    let sooner = less(turn.before_ms).map(|before_ms| Turn { before_ms, ..turn });
    let shorter = less(turn.after_ms).map(|after_ms| Turn { after_ms, ..turn });
    let mut turns: Vec<_> = fewer.chain(sooner).chain(shorter).collect();
    if !matches!(turn.fault, Fault::None | Fault::Away) {
        let fault = Fault::Away;
        turns.push(Turn { fault, ..turn });
    }
    turns
}

/// The list with each two neighbours that differ in nothing but number as one.
fn joined(turns: &[Turn]) -> Vec<Vec<Turn>> {
    let join = |place: usize| {
        let mut fewer = turns.to_vec();
        let times = fewer.remove(place).times;
        fewer[place - 1].times += times;
        fewer
    };
    let is_like_the_last = |place: &usize| {
        let times = turns[*place].times;
        turns[*place]
            == Turn {
                times,
                ..turns[place - 1]
            }
    };
    (1..turns.len())
        .filter(is_like_the_last)
        .map(join)
        .collect()
}

/// The list without each of its elements in turn.
fn without_one<T: Clone>(list: &[T]) -> Vec<Vec<T>> {
    let without = |place| {
        let mut shorter = list.to_vec();
        shorter.remove(place);
        shorter
    };
    (0..list.len()).map(without).collect()
}

/// Some numbers that are less: nothing, half, and an eighth less, which is one less in the end.
fn less(number: u32) -> impl Iterator<Item = u32> {
    let some = [0, number / 2, number - number.div_ceil(8)];
    some.into_iter().filter(move |less| *less < number)
}
