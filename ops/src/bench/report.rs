//! The table and the JSON that a bench ends with. Pure.

use serde::Serialize;

use super::stats::{Spread, number, ratio};

/// One thing that was measured, beside what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Of all values in the row.
    pub unit: &'static str,
    /// One value a round.
    pub values: Vec<f64>,
    pub rival: Option<Rival>,
    /// The ratio this round of the project aims at.
    pub aim: Option<&'static str>,
    /// What must not have happened meanwhile; where something did, the aim is not met, whatever
    /// the ratio.
    pub faults: Vec<String>,
}

/// The other side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rival {
    pub name: String,
    pub values: Vec<f64>,
}

impl Row {
    pub fn new(name: impl Into<String>, unit: &'static str, values: Vec<f64>) -> Self {
        Self { name: name.into(), unit, values, rival: None, aim: None, faults: Vec::new() }
    }

    pub fn against(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        self.rival = Some(Rival { name: name.into(), values });
        self
    }

    pub fn aim(mut self, aim: &'static str) -> Self {
        self.aim = Some(aim);
        self
    }

    pub fn faults(mut self, faults: Vec<String>) -> Self {
        self.faults = faults;
        self
    }

    fn ratio(&self) -> Option<f64> {
        ratio(&self.values, &self.rival.as_ref()?.values)
    }

    fn cells(&self) -> [String; 7] {
        let [median, range] = told(&self.values);
        let (rival, [rival_median, rival_range]) = self.rival.as_ref().map_or_else(
            || (String::new(), Default::default()),
            |rival| (rival.name.clone(), told(&rival.values)),
        );
        let ratio = match (self.ratio(), self.aim) {
            (Some(ratio), Some(aim)) => format!("{ratio:.2} (aim {aim})"),
            (Some(ratio), None) => format!("{ratio:.2}"),
            (None, _) => String::new(),
        };
        let failed = if self.faults.is_empty() { "" } else { " FAILED" };
        [
            format!("{} ({})", self.name, self.unit),
            median,
            range,
            rival,
            rival_median,
            rival_range,
            format!("{ratio}{failed}"),
        ]
    }
}

fn told(values: &[f64]) -> [String; 2] {
    Spread::of(values).map_or_else(Default::default, |spread| {
        [number(spread.median), format!("{}–{}", number(spread.min), number(spread.max))]
    })
}

const HEADINGS: [&str; 7] =
    ["measured", "median", "min–max", "against", "median", "min–max", "ratio"];
/// Columns of numbers stand to the right.
const TO_THE_RIGHT: [bool; 7] = [false, true, true, false, true, true, true];

/// All rows as a plain text table.
pub fn table(rows: &[Row]) -> String {
    let lines: Vec<[String; 7]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(TO_THE_RIGHT).map(|((cell, width), right)| {
            if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    let failed = |row: &Row| {
        let line = |fault: &String| format!("FAILED: {}: {fault}\n", row.name);
        row.faults.iter().map(line).collect::<String>()
    };
    text.extend(rows.iter().map(failed));
    text
}

/// All rows for programs: the values of every round, with medians and ratios worked out.
pub fn json(rows: &[Row], about: &serde_json::Value) -> serde_json::Value {
    let row = |row: &Row| {
        serde_json::json!({
            "name": row.name, "unit": row.unit, "values": row.values,
                "spread": Spread::of(&row.values),
            "rival": row.rival.as_ref().map(|rival| serde_json::json!({
                "name": rival.name, "values": rival.values, "spread": Spread::of(&rival.values),
            })),
            "ratio": row.ratio(), "aim": row.aim, "faults": row.faults,
        })
    };
    serde_json::json!({ "about": about, "rows": rows.iter().map(row).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        vec![
            Row::new("joins", "/s", vec![5000.0, 6000.0, 7000.0])
                .against("empty handler", vec![12_000.0, 10_000.0, 11_000.0])
                .aim("0.5"),
            Row::new("memory", "MB", vec![40.0]),
        ]
    }

    #[test]
    fn columns_line_up() {
        let text = table(&rows());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "joins (/s)    6,000  5,000–7,000  empty handler  11,000  10,000–12,000  0.55 (aim 0.5)"
        );
        assert_eq!(lines[2], "memory (MB)    40.0    40.0–40.0");
        assert!(lines[0].starts_with("measured     median"), "{text}");
    }

    #[test]
    fn a_row_in_which_something_went_wrong_fails_and_says_why() {
        let row = rows().remove(0).faults(vec!["3 fans lost their turn".to_owned()]);
        let text = table(&[row]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].ends_with("0.55 (aim 0.5) FAILED"), "{text}");
        assert_eq!(lines[2], "FAILED: joins: 3 fans lost their turn");
    }

    #[test]
    fn programs_get_every_round() {
        let value = json(&rows(), &serde_json::Value::Null);
        assert_eq!(value["rows"][0]["values"].as_array().map(Vec::len), Some(3));
        assert_eq!(value["rows"][0]["rival"]["spread"]["median"], 11_000.0);
        assert!(value["rows"][1]["ratio"].is_null());
    }
}
