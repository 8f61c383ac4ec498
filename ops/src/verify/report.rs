//! What was checked and what was found, for people and for programs. Pure.

use std::{collections::BTreeSet, fmt::Write};

use serde::Serialize;
use serde_json::Value;

/// So many offending rows of a check are shown.
const ROWS_SHOWN_MAX: usize = 20;

/// A row that breaks a rule. Its key says which row it is, in every look at the same system.
#[derive(Debug, Clone, PartialEq)]
struct Violation {
    key: String,
    row: Value,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Stable, in kebab case.
    pub id: &'static str,
    /// What must hold.
    pub title: &'static str,
    /// How many things it was checked on.
    pub looked_at: usize,
    /// How many rows break it.
    pub count: usize,
    /// The first of those.
    pub rows: Vec<Value>,
    #[serde(skip)]
    violations: Vec<Violation>,
}

/// All rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub clean: bool,
    pub checks: Vec<Check>,
}

impl Report {
    /// Adds a check with the rows that break it. `key` tells one row from another and is the same
    /// in the next look.
    pub fn add<T: Serialize>(
        &mut self,
        id: &'static str,
        title: &'static str,
        looked_at: usize,
        found: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) {
        let violations: Vec<Violation> = found
            .into_iter()
            .map(|row| Violation {
                key: key(&row),
                row: serde_json::to_value(&row).unwrap_or(Value::Null),
            })
            .collect();
        let mut check = Check { id, title, looked_at, count: 0, rows: Vec::new(), violations };
        check.settle();
        self.checks.push(check);
        self.clean = self.checks.iter().all(|check| check.count == 0);
    }

    /// Drops what `earlier` did not find: it was on its way, not wrong.
    pub fn keep_what_persists(&mut self, earlier: &Self) {
        for check in &mut self.checks {
            let before: BTreeSet<&str> = earlier
                .checks
                .iter()
                .filter(|other| other.id == check.id)
                .flat_map(|other| other.violations.iter().map(|violation| violation.key.as_str()))
                .collect();
            check.violations.retain(|violation| before.contains(violation.key.as_str()));
            check.settle();
        }
        self.clean = self.checks.iter().all(|check| check.count == 0);
    }

    /// The ids of the checks that fail.
    pub fn failing(&self) -> Vec<&'static str> {
        self.checks.iter().filter(|check| check.count > 0).map(|check| check.id).collect()
    }

    /// A table with the offending rows under each check that fails.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let width = self.checks.iter().map(|check| check.id.len()).max().unwrap_or_default();
        for check in &self.checks {
            let verdict = if check.count == 0 { "ok    " } else { "FAILED" };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{verdict}  {:width$}  {:>8}  {}",
                check.id, check.looked_at, check.title
            );
            for row in &check.rows {
                let _ = writeln!(text, "          {row}");
            }
            if check.count > check.rows.len() {
                let _ = writeln!(text, "          … and {} more", check.count - check.rows.len());
            }
        }
        let failing = self.failing();
        let _ = if failing.is_empty() {
            write!(text, "all {} checks hold", self.checks.len())
        } else {
            write!(
                text,
                "{} of {} checks fail: {}",
                failing.len(),
                self.checks.len(),
                failing.join(", ")
            )
        };
        text
    }
}

impl Check {
    fn settle(&mut self) {
        self.count = self.violations.len();
        self.rows = self
            .violations
            .iter()
            .take(ROWS_SHOWN_MAX)
            .map(|violation| violation.row.clone())
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(found: &[u32]) -> Report {
        let mut report = Report::default();
        report.add("even", "Numbers are even", 50, found.iter().copied(), u32::to_string);
        report.add("small", "Numbers are small", 50, Vec::<u32>::new(), u32::to_string);
        report
    }

    #[test]
    fn a_failing_check_is_named_with_its_rows_and_their_number() {
        let odd: Vec<u32> = (0..30).map(|index| 2 * index + 1).collect();
        let report = report(&odd);
        assert!(!report.clean);
        assert_eq!(report.failing(), ["even"]);
        assert_eq!((report.checks[0].count, report.checks[0].rows.len()), (30, ROWS_SHOWN_MAX));
        let table = report.table();
        assert!(table.contains("FAILED  even") && table.contains("… and 10 more"), "{table}");
        assert!(table.ends_with("1 of 2 checks fail: even"), "{table}");
    }

    #[test]
    fn only_what_persists_counts() {
        let mut later = report(&[3, 5]);
        later.keep_what_persists(&report(&[1, 3]));
        assert_eq!(later.checks[0].rows, [Value::from(3)]);
        later.keep_what_persists(&report(&[]));
        assert!(later.clean);
        assert!(later.table().ends_with("all 2 checks hold"));
    }
}
