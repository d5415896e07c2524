//! One schedule, from the beginning until everything is quiet, on a clock that only moves when everybody waits.

use std::sync::Arc;
use std::time::Duration;

use delivery::{Recorder, RecorderOptions};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::flaw::Flaw;
use crate::process::{seed_jitter, supervise};
use crate::record::What;
use crate::report::Report;
use crate::schedule::{Incident, Schedule};
use crate::store::Store;
use crate::world::{State, World, pass};

/// How often it is asked whether everything is done.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// So few at a time that they are refused now and then.
const STORER: RecorderOptions = RecorderOptions {
    queue_max: 4,
    batch_max: 3,
    deadline: Duration::from_secs(10),
};

/// Runs a schedule with workers that make this mistake, if any; `traced` also writes down what happened.
pub(crate) fn run(schedule: &Schedule, flaw: Option<Flaw>, traced: bool) -> Report {
    seed_jitter(schedule.jitter);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(schedule.clone(), flaw, traced);
        let store = Store {
            world: Arc::clone(&world),
            process: 0,
        };
        let storer = Recorder::start(Arc::new(store), STORER);
        let mut members = JoinSet::new();
        for index in 0..schedule.members {
            members.spawn(supervise(Arc::clone(&world), index, storer.clone()));
        }
        tokio::select! {
            biased;
            () = world.broken() => {}
            ended = members.join_next() => world.with(|state| state.report.violate(format!("the simulation failed: {ended:?}"))),
            () = unfold(&world) => world.with(State::judge),
            () = sleep(schedule.patience()) => world.with(|state| {
                let unfinished = state.unfinished();
                state.report.violate(format!("it does not come to an end: {unfinished}"));
            }),
        }
        world.with(|state| std::mem::replace(&mut state.report, Report::new(false)))
    })
}

enum Happening {
    Append(i32, What),
    Strike(Incident),
}

/// Lets happen what the schedule says, and waits until nothing is left to do.
async fn unfold(world: &Arc<World>) {
    let began = Instant::now();
    let records = world.schedule.records.iter();
    let incidents = world.schedule.incidents.iter();
    let mut happenings: Vec<_> = records
        .map(|(at, partition, what)| (*at, Happening::Append(*partition, *what)))
        .chain(incidents.map(|(at, incident)| (*at, Happening::Strike(*incident))))
        .collect();
    happenings.sort_by_key(|(at, _)| *at);
    for (at, happening) in happenings {
        sleep_until(began + Duration::from_millis(u64::from(at))).await;
        match happening {
            Happening::Append(partition, what) => world.with(|state| state.append(partition, what)),
            Happening::Strike(incident) => strike(world, incident),
        }
    }
    while !world.with(|state| state.is_quiet()) {
        sleep(LOOK_PAUSE).await;
    }
}

fn strike(world: &Arc<World>, incident: Incident) {
    let Some(loss) = world.with(|state| state.strike(incident)) else {
        return;
    };
    let world = Arc::clone(world);
    tokio::spawn(async move {
        pass(loss.told_after_ms).await;
        world.with(|state| state.tell(&loss));
    });
}
