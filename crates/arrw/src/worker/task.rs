//! A handler at work, in a task or on a thread: catches its panics, and tells the desk how it ended.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrw_jobs::Token;

use crate::worker::attempt::Attempt;
use crate::worker::desk::{Desk, Ended};
use crate::worker::handler::{Answer, Handling};
use crate::worker::signal::{Level, Reached};

/// A task: a future that ends when its attempt did.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the desk how an attempt ended: at the latest when this is dropped.
#[derive(Debug)]
struct Report {
    desk: Arc<Desk>,
    token: Token,
    is_made: bool,
}

impl Report {
    fn new(desk: &Arc<Desk>, attempt: &Attempt) -> Self {
        Self { desk: Arc::clone(desk), token: attempt.token(), is_made: false }
    }

    fn make(&mut self, ended: Ended) {
        self.is_made = true;
        self.desk.end(self.token, ended);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if !self.is_made {
            self.make(Ended::Dropped);
        }
    }
}

/// An async handler at work.
struct Handled {
    /// `None` when it has ended.
    handling: Option<Handling>,
    over: Reached,
    report: Report,
}

/// The task of an async handler. It ends early when nothing of it is wanted any more.
pub(crate) fn of_async(handling: Handling, attempt: &Attempt, desk: &Arc<Desk>) -> Task {
    let over = attempt.signal().reached(Level::Over);
    let report = Report::new(desk, attempt);
    Box::pin(Handled { handling: Some(handling), over, report })
}

impl Future for Handled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(handling) = &mut this.handling else { return Poll::Ready(()) };
        let ended = if Pin::new(&mut this.over).poll(context).is_ready() {
            Ended::Dropped
        } else {
            match catch_unwind(AssertUnwindSafe(|| handling.as_mut().poll(context))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(answer)) => Ended::Answered(answer),
                Err(panic) => Ended::Panicked(words(&*panic)),
            }
        };
        // What the handler holds is free before its end is known.
        let handling = this.handling.take();
        let _panicked_late = catch_unwind(AssertUnwindSafe(|| drop(handling)));
        this.report.make(ended);
        Poll::Ready(())
    }
}

/// What a thread does for a blocking handler.
pub(crate) fn of_blocking(
    handler: Arc<dyn Fn(Attempt) -> Answer + Send + Sync>,
    attempt: Attempt,
    desk: &Arc<Desk>,
) -> impl FnOnce() + Send + use<> {
    let mut report = Report::new(desk, &attempt);
    move || {
        if attempt.signal().level() == Level::Over {
            return;
        }
        let answer = catch_unwind(AssertUnwindSafe(|| handler(attempt)));
        report.make(match answer {
            Ok(answer) => Ended::Answered(answer),
            Err(panic) => Ended::Panicked(words(&*panic)),
        });
    }
}

/// The words of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("without words"))
}
