//! The only place that reads a clock. A stand-in's time may be set apart from the real one, but
//! it always runs.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::world::Moment;

/// Real time plus a fixed distance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    ahead_seconds: f64,
}

impl Clock {
    /// A clock that shows this moment now and runs on from there.
    #[expect(clippy::cast_precision_loss, reason = "seconds of our era are far below 2^53")]
    pub fn starting_at(moment: Moment) -> Self {
        Clock { ahead_seconds: moment.0 as f64 - Clock::default().seconds() }
    }

    /// Whether it shows anything but real time.
    pub fn is_set(&self) -> bool {
        self.ahead_seconds != 0.0
    }

    /// Seconds since 1970 with their fraction.
    #[expect(clippy::disallowed_methods, reason = "the stand-in's time enters here")]
    pub fn seconds(&self) -> f64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        real.as_secs_f64() + self.ahead_seconds
    }

    /// The moment it is.
    pub fn now(&self) -> Moment {
        moment(self.seconds())
    }
}

/// The whole second that a time lies in.
#[expect(clippy::cast_possible_truncation, reason = "seconds of our era fit into 64 bits")]
pub fn moment(seconds: f64) -> Moment {
    Moment(seconds.floor() as i64)
}
