//! How often a client may ask: a steady rate, and a burst of what it saved up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use crate::admission::{NoRoom, Visitor};
use crate::limits::RATE_BURST;
use crate::problem::Problem;

/// Refuses a request of somebody who asks too often.
pub(crate) async fn check(request: Request, next: Next) -> Result<Response, Problem> {
    // A request that came by no connection has no visitor.
    if let Some(visitor) = request.extensions().get::<Arc<Visitor>>() {
        visitor.ask().map_err(NoRoom::problem)?;
    }
    Ok(next.run(request).await)
}

const SECOND_NS: u64 = 1_000_000_000;

/// A number of requests a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    per_second: usize,
    /// Times are counted from here.
    began: Instant,
}

/// What one client has used up: the time, in nanoseconds, from which on it has all of its burst again.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicU64);

impl Rate {
    pub(crate) fn new(per_second: usize) -> Self {
        Self { per_second, began: Instant::now() }
    }

    pub(crate) fn per_second(&self) -> usize {
        self.per_second
    }

    /// Takes one request out of a bucket, or says when there will be one in it.
    pub(crate) fn take(&self, bucket: &Bucket) -> Result<(), Duration> {
        let interval = SECOND_NS / (self.per_second as u64).max(1);
        let now = self.now();
        let latest = now + whole_ns(RATE_BURST);
        let one_more = |full_at: u64| {
            let full_at = full_at.max(now) + interval;
            (full_at <= latest).then_some(full_at)
        };
        let taken = bucket.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.map(drop).map_err(|full_at| {
            Duration::from_nanos((full_at + interval).saturating_sub(latest).max(1))
        })
    }

    /// True when a bucket is as full as a new one.
    pub(crate) fn is_full(&self, bucket: &Bucket) -> bool {
        bucket.0.load(Ordering::Relaxed) <= self.now()
    }

    fn now(&self) -> u64 {
        whole_ns(self.began.elapsed())
    }
}

fn whole_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn take_all(rate: &Rate, bucket: &Bucket) -> usize {
        (0..).take_while(|_| rate.take(bucket).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_two_seconds_worth_and_fills_up_steadily() {
        let (rate, bucket) = (Rate::new(10), Bucket::default());
        assert_eq!(take_all(&rate, &bucket), 20);
        assert_eq!(rate.take(&bucket), Err(Duration::from_millis(100)));
        assert!(!rate.is_full(&bucket));
        advance(Duration::from_millis(60)).await;
        assert_eq!(rate.take(&bucket), Err(Duration::from_millis(40)));
        advance(Duration::from_millis(40)).await;
        assert_eq!(take_all(&rate, &bucket), 1);
        advance(Duration::from_millis(1_550)).await;
        assert_eq!(take_all(&rate, &bucket), 15);
        advance(Duration::from_secs(1_000)).await;
        assert!(rate.is_full(&bucket));
        assert_eq!(take_all(&rate, &bucket), 20, "no more is saved up than a burst");
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_are_apart_and_the_smallest_rate_lets_somebody_in() {
        let (rate, one, other) = (Rate::new(1), Bucket::default(), Bucket::default());
        assert_eq!((take_all(&rate, &one), take_all(&rate, &other)), (2, 2));
        assert_eq!(take_all(&Rate::new(1_000_000), &Bucket::default()), 2_000_000);
    }
}
