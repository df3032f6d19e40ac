//! What waits for many sockets at once, to the nanosecond: epoll and a timer.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::{self, Errno};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Events that are taken at once: the clock is read between.
const EVENTS_MAX: usize = 256;
/// What the timer is known by; no socket has this token.
const TIMER: u64 = u64::MAX;
/// A timer of zero would never go off.
const WAIT_MIN: Duration = Duration::from_nanos(1);

/// Waits for sockets.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
}

/// What is waited for at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    /// Room to write, besides what there is to read.
    Write,
}

/// A socket at which something happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) token: u64,
    pub(super) can_read: bool,
    pub(super) can_write: bool,
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let token = epoll::EventData::new_u64(TIMER);
        epoll::add(&epoll, &timer, token, epoll::EventFlags::IN)?;
        Ok(Self { epoll, timer })
    }

    pub(super) fn add(&self, socket: impl AsFd, token: u64, of: Interest) -> io::Result<()> {
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(token), flags(of))
    }

    pub(super) fn change(&self, socket: impl AsFd, token: u64, of: Interest) -> io::Result<()> {
        epoll::modify(&self.epoll, socket, epoll::EventData::new_u64(token), flags(of))
    }

    pub(super) fn remove(&self, socket: impl AsFd) -> io::Result<()> {
        epoll::delete(&self.epoll, socket)
    }

    /// Waits for the first events, but not longer than `time`. What `ready` had is replaced; it keeps its room.
    pub(super) fn wait(
        &self,
        time: Duration,
        events: &mut Vec<epoll::Event>,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        events.clear();
        events.reserve(EVENTS_MAX);
        ready.clear();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = if time.is_zero() {
            Some(&at_once)
        } else {
            self.wind(time.max(WAIT_MIN))?;
            None
        };
        match epoll::wait(&self.epoll, spare_capacity(events), timeout) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(error),
        }
        ready.extend(events.iter().filter_map(|event| {
            let (flags, data) = (event.flags, event.data);
            let failed = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            (data.u64() != TIMER).then(|| Ready {
                token: data.u64(),
                can_read: failed || flags.contains(epoll::EventFlags::IN),
                can_write: failed || flags.contains(epoll::EventFlags::OUT),
            })
        }));
        Ok(())
    }

    /// Lets the timer go off after this time, once. What it went off for before is forgotten.
    fn wind(&self, time: Duration) -> io::Result<()> {
        let value = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).map(drop)
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    match interest {
        Interest::Read => epoll::EventFlags::IN,
        Interest::Write => epoll::EventFlags::IN | epoll::EventFlags::OUT,
    }
}
