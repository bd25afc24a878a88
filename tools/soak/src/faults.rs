//! What breaks, when, and for how long.

use std::time::Duration;

use shoal_error::Result;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep_until};

use crate::platform::Platform;

/// Added to every answer and every question of the slow instance.
const SLOW: Duration = Duration::from_millis(400);

/// Of a hundred requests to the bad release, those that fail.
const FAILING: u32 = 30;

/// What can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    BillingSlow,
    BillingSilent,
    BillingKilled,
    LeaderKilled,
    RedisDown,
    ReleaseBad,
}

/// A fault and its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band {
    pub(crate) name: &'static str,
    /// Seconds since the start.
    pub(crate) from: f64,
    pub(crate) until: f64,
    fault: Fault,
}

/// Faults as shares of the run's time. A sixth without any comes first, so that
/// what is usual is known, and a fifth comes last, to recover in.
const SCHEDULE: [(f64, f64, Fault, &str); 6] = [
    (0.15, 0.25, Fault::BillingSlow, "one billing is slow"),
    (0.25, 0.30, Fault::BillingSilent, "it answers nothing"),
    (0.30, 0.36, Fault::BillingKilled, "it is killed"),
    (0.44, 0.54, Fault::LeaderKilled, "etcd's leader is killed"),
    (0.58, 0.60, Fault::RedisDown, "Redis restarts"),
    (0.64, 0.80, Fault::ReleaseBad, "the gray order fails"),
];

/// The faults of a run of this length.
pub(crate) fn bands(time: Duration) -> Vec<Band> {
    let seconds = time.as_secs_f64();
    let band = |&(from, until, fault, name): &(f64, f64, Fault, &'static str)| Band {
        name,
        from: from * seconds,
        until: until * seconds,
        fault,
    };
    SCHEDULE.iter().map(band).collect()
}

/// While billing is in trouble.
pub(crate) fn outage(bands: &[Band]) -> (f64, f64) {
    let billing = bands.iter().filter(|band| {
        matches!(
            band.fault,
            Fault::BillingSlow | Fault::BillingSilent | Fault::BillingKilled
        )
    });
    billing.fold((f64::MAX, 0.0), |(from, until), band| {
        (from.min(band.from), f64::max(until, band.until))
    })
}

/// When the release goes bad.
pub(crate) fn bad_release(bands: &[Band]) -> f64 {
    let found = bands.iter().find(|band| band.fault == Fault::ReleaseBad);
    found.map_or(0.0, |band| band.from)
}

/// Breaks things and mends them, each at its time. `say` hears of each.
pub(crate) async fn run(
    platform: &mut Platform,
    bands: &[Band],
    start: Instant,
    say: impl Fn(&str),
) -> Result<()> {
    let mut changes: Vec<_> = bands
        .iter()
        .flat_map(|band| [(band.until, band, false), (band.from, band, true)])
        .collect();
    // What ends at the moment at which another begins ends first: stable sort.
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
    let mut leader = 0;
    for (at, band, begins) in changes {
        sleep_until(start + Duration::from_secs_f64(at)).await;
        if begins {
            say(band.name);
            begin(platform, band.fault, &mut leader).await?;
        } else {
            say(&format!("{}: over", band.name));
            end(platform, band.fault, leader).await?;
        }
    }
    Ok(())
}

async fn begin(platform: &mut Platform, fault: Fault, leader: &mut usize) -> Result<()> {
    match fault {
        Fault::BillingSlow => platform.billing.delay(SLOW),
        Fault::BillingSilent => platform.billing.freeze(),
        Fault::BillingKilled => {
            let victim = platform.named("billing-1")?;
            block_in_place(|| victim.program.kill());
            platform.billing.refuse();
        }
        Fault::LeaderKilled => {
            *leader = platform.etcd.leader().await;
            block_in_place(|| platform.etcd.kill(*leader));
        }
        Fault::RedisDown => block_in_place(|| platform.redis.stop()),
        Fault::ReleaseBad => platform.release.fails(FAILING),
    }
    Ok(())
}

async fn end(platform: &mut Platform, fault: Fault, leader: usize) -> Result<()> {
    match fault {
        Fault::BillingSlow | Fault::BillingSilent => platform.billing.heal(),
        Fault::BillingKilled => {
            platform.billing.heal();
            platform.restart("billing-1").await?;
        }
        Fault::LeaderKilled => block_in_place(|| platform.etcd.restart(leader)),
        Fault::RedisDown => block_in_place(|| platform.redis.restart()),
        Fault::ReleaseBad => platform.release.fails(0),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_follow_each_other_and_leave_time_to_recover() {
        let bands = bands(Duration::from_secs(600));
        for pair in bands.windows(2) {
            assert!(pair[0].until <= pair[1].from, "{pair:?}");
        }
        assert!(bands.iter().all(|band| band.until <= 480.0));
        assert_eq!(outage(&bands), (90.0, 216.0));
    }
}
