//! The simulated store and the simulated dead letters. They keep what they take, and fail as the schedule says.

use std::panic::resume_unwind;
use std::sync::Arc;

use async_trait::async_trait;
use delivery::DeadLetters;
use purchase::event::Rejection;
use purchase::{
    Cursor, Entry, Owner, PortError, Purchase, PurchaseId, PurchaseReader, PurchaseWriter,
    Recorded, Summary, UserId,
};

use testkit::sample;

use crate::record::{Record, Taken, What};
use crate::schedule::{Fault, Turn};
use crate::world::{State, World, pass};

/// The store, as one process sees it.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) world: Arc<World>,
    pub(crate) process: u64,
}

type Answers = Vec<Result<Recorded, PortError>>;

#[async_trait]
impl PurchaseWriter for Store {
    async fn record_all(&self, batch: Vec<Entry>) -> Answers {
        let turn = self.world.turn(|state| &mut state.writes).await;
        let (world, process, length) = (Arc::clone(&self.world), self.process, batch.len());
        // It was sent, so it arrives whether or not somebody waits for it.
        let answers = arrive(async move {
            pass(turn.before_ms).await;
            world.with(|state| state.write(&batch, turn.fault))
        });
        let answers = answers.await;
        finish(turn).await;
        if answers.len() < length || answers.iter().any(Result::is_err) {
            let workers = self.world.schedule.workers;
            self.world
                .with(|state| state.judge_pace_of_writes(process, workers));
        }
        answers
    }
}

/// The dead letters, as one process sees them.
pub(crate) struct Letters {
    pub(crate) world: Arc<World>,
    pub(crate) process: u64,
}

#[async_trait]
impl DeadLetters<Taken> for Letters {
    async fn bury(&self, taken: &Taken, rejection: &Rejection) -> Result<(), PortError> {
        let turn = self.world.turn(|state| &mut state.burials).await;
        self.world
            .with(|state| state.judge_pace_of_burials(self.process, taken));
        let (world, record, rejection) = (
            Arc::clone(&self.world),
            taken.record.clone(),
            rejection.clone(),
        );
        let buried = arrive(async move {
            pass(turn.before_ms).await;
            world.with(|state| {
                state.judge_burial(&record, &rejection);
                state.bury(&record, &rejection, turn.fault)
            })
        });
        let buried = buried.await;
        finish(turn).await;
        if buried.is_err() {
            self.world
                .with(|state| state.burial_failed(self.process, taken));
        }
        buried
    }
}

/// On the other side, whatever becomes of this one.
async fn arrive<T: Send + 'static>(effect: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(effect)
        .await
        .unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// Back on this side, unless the driver fails on the way. Resumed and not begun, such a panic prints nothing.
async fn finish(turn: Turn) {
    pass(turn.after_ms).await;
    if turn.fault == Fault::Panic {
        resume_unwind(Box::new("the driver panicked"));
    }
}

fn away<T>() -> Result<T, PortError> {
    Err(PortError::transient("away"))
}

fn refused<T>() -> Result<T, PortError> {
    Err(PortError::permanent("no permission"))
}

/// What became of each purchase, for people.
fn fates(batch: &[Entry], answers: &Answers) -> String {
    let fate = |(entry, answer): (&Entry, &Result<Recorded, PortError>)| {
        let what = What::of(&entry.purchase);
        match answer {
            Ok(Recorded::Stored) => format!("{what} stored"),
            Ok(Recorded::Duplicate { .. }) => format!("{what} duplicate"),
            Ok(Recorded::Conflict) => format!("{what} conflict"),
            Err(error) => format!("{what} {error}"),
        }
    };
    let fates: Vec<_> = batch.iter().zip(answers).map(fate).collect();
    fates.join(", ")
}

impl State {
    fn write(&mut self, batch: &[Entry], fault: Fault) -> Answers {
        let answers: Answers = match fault {
            Fault::Away | Fault::Status(_) => batch.iter().map(|_| away()).collect(),
            Fault::Permanent => batch.iter().map(|_| refused()).collect(),
            Fault::Lost => batch
                .iter()
                .map(|entry| self.record(entry))
                .map(|_| away())
                .collect(),
            Fault::Mixed(fates) => {
                let fates = (0..32).map(|place| fates >> (2 * place) & 3).cycle();
                batch
                    .iter()
                    .zip(fates)
                    .map(|(entry, fate)| match fate {
                        0 => Ok(self.record(entry)),
                        1 => away(),
                        2 => {
                            self.record(entry);
                            away()
                        }
                        _ => refused(),
                    })
                    .collect()
            }
            Fault::Short => batch
                .iter()
                .map(|entry| Ok(self.record(entry)))
                .take(batch.len().saturating_sub(1))
                .collect(),
            Fault::None | Fault::Panic => {
                batch.iter().map(|entry| Ok(self.record(entry))).collect()
            }
        };
        let kind = match fault {
            Fault::None => "store: written",
            Fault::Away | Fault::Status(_) => "store: away",
            Fault::Permanent => "store: no permission",
            Fault::Lost => "store: written, and the answer is lost",
            Fault::Mixed(_) => "store: written in part",
            Fault::Short => "store: forgets the last one",
            Fault::Panic => "store: written, and the driver panics",
        };
        self.report.note(kind, || fates(batch, &answers));
        answers
    }

    fn record(&mut self, entry: &Entry) -> Recorded {
        let purchase = &entry.purchase;
        match self.documents.get(&purchase.id) {
            Some(stored) if stored.same_content(purchase) => Recorded::Duplicate {
                timestamp: stored.timestamp,
            },
            Some(_) => Recorded::Conflict,
            None => {
                self.documents.insert(purchase.id, purchase.clone());
                Recorded::Stored
            }
        }
    }

    fn bury(
        &mut self,
        record: &Record,
        rejection: &Rejection,
        fault: Fault,
    ) -> Result<(), PortError> {
        let (kept, answer, kind) = match fault {
            Fault::Away | Fault::Mixed(_) | Fault::Short | Fault::Status(_) => {
                (false, away(), "dead letters: away")
            }
            Fault::Permanent => (false, refused(), "dead letters: no permission"),
            Fault::Lost => (true, away(), "dead letters: kept, and the answer is lost"),
            Fault::Panic => (true, Ok(()), "dead letters: kept, and the driver panics"),
            Fault::None => (true, Ok(()), "dead letters: kept"),
        };
        self.report
            .note(kind, || format!("{record}, {}", rejection.reason));
        if kept {
            self.letters.insert(record.place, rejection.reason);
        }
        answer
    }
}

/// For the contract of the port, which reads what was written.
#[async_trait]
impl PurchaseReader for Store {
    async fn list(
        &self,
        owner: &Owner,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<Purchase>, PortError> {
        let is_listed = |purchase: &Purchase| match owner {
            Owner::User(userid) => purchase.userid == *userid,
            Owner::Everyone => true,
        };
        let mut listed: Vec<_> = self.world.with(|state| {
            state
                .documents
                .values()
                .filter(|purchase| is_listed(purchase))
                .cloned()
                .collect()
        });
        listed.sort_by_key(|purchase| std::cmp::Reverse(purchase.cursor()));
        listed.retain(|purchase| after.is_none_or(|after| purchase.cursor() < after));
        listed.truncate(limit);
        Ok(listed)
    }

    async fn summarize(&self, userid: &UserId) -> Result<Summary, PortError> {
        let owner = Owner::User(userid.clone());
        let listed = self.list(&owner, None, usize::MAX).await?;
        Ok(sample::summary(&listed))
    }

    async fn find_owners(
        &self,
        ids: Vec<PurchaseId>,
    ) -> Result<std::collections::HashMap<PurchaseId, UserId>, PortError> {
        let owner = |state: &State, id| {
            state
                .documents
                .get(&id)
                .map(|stored| (id, stored.userid.clone()))
        };
        Ok(self
            .world
            .with(|state| ids.into_iter().filter_map(|id| owner(state, id)).collect()))
    }
}
