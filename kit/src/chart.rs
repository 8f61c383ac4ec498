//! Small pictures of numbers, as SVG made on the server. Colours come from the stylesheet
//! (`.spark`, `.chart`); the words of a picture are in its title and description, so that it reads
//! as text to a screen reader.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 28.0;
/// Of a row below the lines: its name and its bar.
const ROW_HEIGHT: f64 = 26.0;
/// Labels along the bottom at most; more would run into each other on a phone.
const LABELS_MAX: usize = 6;

/// One line or one group of bars.
pub struct Series<'a> {
    pub name: &'a str,
    pub values: &'a [f64],
}

/// What a picture shows. Every series has a value for each label.
pub struct Chart<'a> {
    pub title: &'a str,
    /// What a reader would say it shows, in a sentence.
    pub describe: &'a str,
    pub labels: &'a [String],
    pub series: &'a [Series<'a>],
    pub unit: &'a str,
}

/// Something that was so at some of a picture's labels and not at others, told below the lines.
pub struct Row<'a> {
    pub name: &'a str,
    /// A value for each label.
    pub on: &'a [bool],
}

/// A line without axes, to stand beside a number.
pub fn sparkline(title: &str, values: &[f64]) -> String {
    let (low, high) = bounds(values);
    let step = 100.0 / (values.len().max(2) - 1) as f64;
    let points: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(index, value)| (index as f64 * step, 26.0 - 24.0 * share(*value, low, high)))
        .collect();
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 100 28\" preserveAspectRatio=\"none\" role=\"img\" \
            aria-label=\"{}\">{}</svg>",
        escape(title),
        polyline(&points, 0)
    )
}

/// A line chart: one line a series, told apart by dashes and named in a legend.
pub fn line(chart: &Chart<'_>) -> String {
    line_with_rows(chart, &[])
}

/// The same with rows below it, each with its name and a bar where it was so. A value that is not a
/// number is a gap in its line.
pub fn line_with_rows(chart: &Chart<'_>, rows: &[Row<'_>]) -> String {
    let top = top_of(chart);
    let step = (WIDTH - LEFT - RIGHT) / (chart.labels.len().max(2) - 1) as f64;
    let mut body = String::new();
    for (index, series) in chart.series.iter().enumerate() {
        let points: Vec<(f64, f64)> = series
            .values
            .iter()
            .enumerate()
            .map(|(at, value)| (LEFT + at as f64 * step, y_of(*value, top)))
            .collect();
        let known = |at: usize| series.values.get(at).is_some_and(|value| value.is_finite());
        let points: Vec<_> = points.into_iter().enumerate().collect();
        for run in points.chunk_by(|(one, _), (next, _)| known(*one) && known(*next)) {
            let run: Vec<_> = run.iter().filter(|(at, _)| known(*at)).map(|(_, at)| *at).collect();
            if !run.is_empty() {
                body.push_str(&polyline(&run, index));
            }
        }
    }
    for (index, row) in rows.iter().enumerate() {
        body.push_str(&drawn_row(row, HEIGHT + index as f64 * ROW_HEIGHT, step));
    }
    frame(chart, top, rows.len(), &body, |at| LEFT + at as f64 * step)
}

/// One row: its name, and below it a bar where it was so.
fn drawn_row(row: &Row<'_>, y: f64, step: f64) -> String {
    let (mut svg, bar) = (String::new(), y + 17.0);
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.1}\">{}</text><line x1=\"{LEFT}\" x2=\"{}\" y1=\"{bar:.1}\" \
            y2=\"{bar:.1}\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>",
        y + 11.0,
        escape(row.name),
        WIDTH - RIGHT
    );
    let x_of = |at: f64| (LEFT + at * step).clamp(LEFT, WIDTH - RIGHT);
    for (at, _) in row.on.iter().enumerate().filter(|(_, on)| **on) {
        let (from, to) = (x_of(at as f64 - 0.5), x_of(at as f64 + 0.5));
        let _ = write!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"6\" \
                fill=\"currentColor\"/>",
            bar - 3.0,
            to - from
        );
    }
    svg
}

/// A bar cut into parts of `whole`, each told apart by how dark it is and named in `title`.
pub fn parts(title: &str, parts: &[f64], whole: f64) -> String {
    let whole = parts.iter().sum::<f64>().max(whole).max(1.0);
    let (mut body, mut x) = (String::new(), 0.0);
    for (index, part) in parts.iter().enumerate() {
        let width = share(*part, 0.0, whole) * 100.0;
        let opacity = [1.0, 0.55, 0.25][index % 3];
        let _ = write!(
            body,
            "<rect x=\"{x:.1}\" y=\"6\" width=\"{width:.1}\" height=\"16\" fill=\"currentColor\" \
                fill-opacity=\"{opacity}\"/>"
        );
        x += width;
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 100 28\" preserveAspectRatio=\"none\" role=\"img\" \
            aria-label=\"{}\"><rect x=\"0.5\" y=\"6\" width=\"99\" height=\"16\" fill=\"none\" \
            stroke=\"currentColor\" stroke-opacity=\"0.3\"/>{body}</svg>",
        escape(title)
    )
}

/// A bar chart: for each label one bar a series.
pub fn bars(chart: &Chart<'_>) -> String {
    let top = top_of(chart);
    let slot = (WIDTH - LEFT - RIGHT) / chart.labels.len().max(1) as f64;
    let width = (slot * 0.7 / chart.series.len().max(1) as f64).min(64.0);
    let group = width * chart.series.len() as f64;
    let mut body = String::new();
    for (index, series) in chart.series.iter().enumerate() {
        for (at, value) in series.values.iter().enumerate() {
            let x = LEFT + (at as f64 + 0.5) * slot - group / 2.0 + index as f64 * width;
            let y = y_of(*value, top);
            let opacity = 0.85 - 0.3 * (index % 3) as f64;
            let _ = write!(
                body,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" \
                    fill=\"currentColor\" \
                 fill-opacity=\"{opacity:.2}\"/>",
                (width - 2.0).max(1.0),
                (HEIGHT - BOTTOM - y).max(0.0)
            );
        }
    }
    frame(chart, top, 0, &body, |at| LEFT + (at as f64 + 0.5) * slot)
}

/// Axes, labels, legend and words around a picture's body, with room for rows below.
fn frame(
    chart: &Chart<'_>,
    top: f64,
    rows: usize,
    body: &str,
    x_of: impl Fn(usize) -> f64,
) -> String {
    let height = HEIGHT + rows as f64 * ROW_HEIGHT;
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" \
            role=\"img\"><title>{}</title><desc>{}</desc>",
        escape(chart.title),
        escape(chart.describe)
    );
    for value in [0.0, top / 2.0, top] {
        let y = y_of(value, top);
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"currentColor\" \
                stroke-opacity=\"0.15\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            number(value)
        );
    }
    let every = chart.labels.len().div_ceil(LABELS_MAX).max(1);
    for (at, label) in chart.labels.iter().enumerate().step_by(every) {
        let anchor = if at == 0 && x_of(0) <= LEFT { "start" } else { "middle" };
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            x_of(at),
            HEIGHT - 8.0,
            escape(label)
        );
    }
    let _ =
        write!(svg, "<text x=\"{LEFT}\" y=\"12\">{}</text>{body}</svg>", escape(&legend(chart)));
    svg
}

fn legend(chart: &Chart<'_>) -> String {
    let names: Vec<String> = chart
        .series
        .iter()
        .enumerate()
        .map(|(index, series)| format!("{} {}", ["──", "╌╌", "┈┈"][index % 3], series.name))
        .collect();
    if chart.unit.is_empty() {
        names.join("   ")
    } else {
        format!("{}   ({})", names.join("   "), chart.unit)
    }
}

fn polyline(points: &[(f64, f64)], index: usize) -> String {
    let dash = ["", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"2 3\""][index % 3];
    let list: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!("<polyline points=\"{}\"{dash}/>", list.join(" "))
}

fn y_of(value: f64, top: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share(value, 0.0, top)
}

fn share(value: f64, low: f64, high: f64) -> f64 {
    if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 }
}

fn bounds(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .filter(|value| value.is_finite())
        .fold((0.0, 0.0), |(low, high), value| (value.min(low), value.max(high)))
}

/// The top of the scale: 1, 2 or 5 times a power of ten.
fn top_of(chart: &Chart<'_>) -> f64 {
    let highest = chart.series.iter().map(|series| bounds(series.values).1).fold(0.0, f64::max);
    if highest <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(highest.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|top| *top >= highest)
        .unwrap_or(highest)
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1_000_000.0 => format!("{}M", value / 1_000_000.0),
        value if value >= 10_000.0 => format!("{}k", value / 1000.0),
        value => format!("{value}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart<'a>(labels: &'a [String], series: &'a [Series<'a>]) -> Chart<'a> {
        Chart { title: "Sales <b>", describe: "Sales rose.", labels, series, unit: "tickets" }
    }

    #[test]
    fn pictures_have_words_and_every_value() {
        let labels: Vec<String> = (0..20).map(|day| format!("day {day}")).collect();
        let values: Vec<f64> = (0..20).map(f64::from).collect();
        let series = [Series { name: "Sold", values: &values }];
        let drawn = line(&chart(&labels, &series));
        assert!(
            drawn.contains("<title>Sales &lt;b&gt;</title><desc>Sales rose.</desc>")
                && drawn.contains("(tickets)")
        );
        assert_eq!(drawn.matches("day ").count(), 5, "labels are thinned out");
        assert_eq!(bars(&chart(&labels, &series)).matches("<rect").count(), 20);
    }

    #[test]
    fn nothing_to_draw_is_drawn_without_a_nan() {
        let none: [Series<'_>; 1] = [Series { name: "Sold", values: &[] }];
        for drawn in [
            line(&chart(&[], &none)),
            bars(&chart(&[], &none)),
            sparkline("none", &[f64::NAN]),
            sparkline("", &[]),
        ] {
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }

    #[test]
    fn what_is_not_known_is_a_gap_and_rows_have_names_and_bars() {
        let labels: Vec<String> = (0..5).map(|at| at.to_string()).collect();
        let series = [Series { name: "Pace", values: &[1.0, 2.0, f64::NAN, f64::NAN, 2.0] }];
        let rows = [Row { name: "Orders <slow>", on: &[false, true, true, false, false] }];
        let drawn = line_with_rows(&chart(&labels, &series), &rows);
        assert_eq!(drawn.matches("<polyline").count(), 2, "{drawn}");
        assert!(drawn.contains("Orders &lt;slow&gt;") && !drawn.contains("NaN"), "{drawn}");
        assert_eq!(drawn.matches("<rect").count(), 2);
    }

    #[test]
    fn parts_never_reach_beyond_their_whole() {
        let drawn = parts("5 sold, 8 held", &[5.0, 8.0], 10.0);
        assert!(drawn.contains("aria-label=\"5 sold, 8 held\""));
        assert!(drawn.contains("x=\"38.5\" y=\"6\" width=\"61.5\""), "{drawn}");
        assert!(!parts("", &[], 0.0).contains("NaN"));
    }

    #[test]
    fn scales_end_on_round_numbers() {
        for (highest, top) in
            [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (7.0, 10.0), (412.0, 500.0), (1001.0, 2000.0)]
        {
            let values = [highest];
            let series = [Series { name: "", values: &values }];
            assert!((top_of(&chart(&[], &series)) - top).abs() < 1e-9, "{highest}");
        }
    }
}
