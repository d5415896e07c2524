//! How the driver is called: in a task of its own, within a deadline, and only so many at once.
//!
//! Invariant: a driver's future is never cancelled, whoever leaves and whatever deadline passes; one that was given up ends
//! by itself and keeps its place until then. So a server that hangs costs a bounded number of tasks. The driver itself
//! has neither a deadline for an answer nor a bound on those that wait for a connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::error::MongoError;

/// The places for calls in progress. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    places: Arc<Semaphore>,
    at_once_max: usize,
}

impl Calls {
    pub(crate) fn new(at_once_max: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once_max)),
            at_once_max,
        }
    }

    /// Does the work, or says at the deadline that it is not known whether it will be done. Work that found no place until
    /// then is not begun.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, MongoError>> + Send + 'static,
    ) -> Result<T, MongoError> {
        let until = Instant::now() + deadline;
        let place = match timeout_at(until, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => return Err(MongoError::Saturated(self.at_once_max)),
        };
        let task = tokio::spawn(async move {
            let result = work.await;
            drop(place);
            result
        });
        match timeout_at(until, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(MongoError::Panicked),
            Err(_) => Err(MongoError::Deadline(deadline)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn work_goes_on_after_its_deadline_and_keeps_its_place() {
        let calls = Calls::new(1);
        let (release, released) = oneshot::channel::<()>();
        let (report, reported) = oneshot::channel();
        let work = async move {
            let _ = released.await;
            let _ = report.send("done");
            Ok(())
        };
        assert_eq!(
            calls.run(SHORT, work).await,
            Err(MongoError::Deadline(SHORT))
        );
        let refused = calls.run(SHORT, async { Ok(()) }).await;
        assert_eq!(refused, Err(MongoError::Saturated(1)));
        release.send(()).unwrap();
        assert_eq!(reported.await, Ok("done"));
        assert_eq!(calls.run(LONG, async { Ok(7) }).await, Ok(7));
    }

    #[tokio::test]
    async fn work_goes_on_when_its_caller_leaves() {
        let calls = Calls::new(1);
        let (release, released) = oneshot::channel::<()>();
        let (report, reported) = oneshot::channel();
        let work = async move {
            let _ = released.await;
            let _ = report.send("done");
            Ok(())
        };
        let mut call = Box::pin(calls.run(LONG, work));
        assert!(futures_util::poll!(call.as_mut()).is_pending());
        drop(call);
        release.send(()).unwrap();
        assert_eq!(reported.await, Ok("done"));
    }

    #[tokio::test]
    async fn a_panic_costs_one_call_and_no_place() {
        let calls = Calls::new(1);
        let panics = async { panic!("on purpose") };
        let result: Result<(), _> = calls.run(LONG, panics).await;
        assert_eq!(result, Err(MongoError::Panicked));
        assert_eq!(calls.run(LONG, async { Ok(7) }).await, Ok(7));
    }
}
