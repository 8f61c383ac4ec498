//! How fans were let in, worked out from the heads as they were published. Pure.

/// So many had been let in at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub at_ms: i64,
    pub admitted: i64,
}

/// How many had been let in by `at_ms`.
fn admitted_by(steps: &[Step], at_ms: i64) -> i64 {
    steps.iter().filter(|step| step.at_ms <= at_ms).map(|step| step.admitted).max().unwrap_or(0)
}

/// How far the pace between two moments was from the one asked for, in percent of it.
pub fn pace_error_percent(steps: &[Step], from_ms: i64, to_ms: i64, rate_per_sec: f64) -> f64 {
    let admitted = admitted_by(steps, to_ms) - admitted_by(steps, from_ms);
    let expected = rate_per_sec * (to_ms - from_ms) as f64 / 1000.0;
    (admitted as f64 - expected).abs() / expected * 100.0
}

/// How many a second were let in between the first and the last move within this time: of few fans,
/// the moments at which they came say more than their number. `None` where the line hardly moved.
pub fn pace_between(steps: &[Step], from_ms: i64, to_ms: i64) -> Option<f64> {
    let mut moves: Vec<Step> = Vec::new();
    let mut before = admitted_by(steps, from_ms);
    for step in steps.iter().filter(|step| (from_ms..=to_ms).contains(&step.at_ms)) {
        if step.admitted > before {
            before = step.admitted;
            moves.push(*step);
        }
    }
    let (first, last) = (moves.first()?, moves.last()?);
    // A line that stopped is as slow as the time in which nobody came.
    let until_ms = if to_ms - last.at_ms > (to_ms - from_ms) / 10 { to_ms } else { last.at_ms };
    let secs = (until_ms - first.at_ms) as f64 / 1000.0;
    (secs > 0.0).then(|| (last.admitted - first.admitted) as f64 / secs)
}

/// How long after `changed_ms` a raised pace began, in milliseconds: where the line of those let in
/// at the new pace meets that of the old one. `None` while too few were let in to say.
pub fn effect_ms(
    steps: &[Step],
    changed_ms: i64,
    old_per_sec: f64,
    new_per_sec: f64,
) -> Option<f64> {
    let before = admitted_by(steps, changed_ms);
    let gain_per_ms = (new_per_sec - old_per_sec) / 1000.0;
    // Half a second at the new pace stands out from the steps in which fans are let in.
    let enough = gain_per_ms * 500.0;
    steps.iter().filter(|step| step.at_ms > changed_ms).find_map(|step| {
        let elapsed_ms = (step.at_ms - changed_ms) as f64;
        let extra = (step.admitted - before) as f64 - old_per_sec * elapsed_ms / 1000.0;
        (extra >= enough).then(|| (elapsed_ms - extra / gain_per_ms).max(0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step every 50 ms: 10/s until 1,300 ms, then 200/s.
    fn steps() -> Vec<Step> {
        let admitted = |at: i64| if at <= 1_300 { at / 100 } else { 13 + (at - 1_300) / 5 };
        (0..=80).map(|step| Step { at_ms: step * 50, admitted: admitted(step * 50) }).collect()
    }

    #[test]
    fn a_change_took_effect_where_the_lines_meet() {
        let effect = effect_ms(&steps(), 1_000, 10.0, 200.0).expect("enough steps");
        assert!((effect - 300.0).abs() < 10.0, "{effect}");
        assert_eq!(effect_ms(&steps()[..28], 1_000, 10.0, 200.0), None);
    }

    #[test]
    fn the_pace_of_a_slow_line_follows_from_when_its_fans_came() {
        let at = |at_ms, admitted| Step { at_ms, admitted };
        // One each 505 ms: two of a hundred less than one each 500 ms.
        let line: Vec<Step> = (0..120).map(|each| at(each * 505, each)).collect();
        let pace = pace_between(&line, 100, 60_100).expect("a pace");
        assert!((pace - 1000.0 / 505.0).abs() < 0.001, "{pace}");
        let stopped = pace_between(&line[..60], 100, 60_100).expect("a pace");
        assert!(stopped < 1.01, "{stopped}");
        assert_eq!(pace_between(&line, 70_000, 80_000), None);
    }

    #[test]
    fn a_pace_is_compared_with_the_one_asked_for() {
        assert!(pace_error_percent(&steps(), 2_000, 4_000, 200.0) < 0.001);
        assert!((pace_error_percent(&steps(), 2_000, 4_000, 250.0) - 20.0).abs() < 0.001);
    }
}
