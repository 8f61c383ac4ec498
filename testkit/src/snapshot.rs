//! What differs from run to run in pages and e-mails, and what stands for it in snapshots.

/// Filters for `insta`: ids, keys, tokens, times of today, addresses and charts.
pub fn volatile() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"http://127\.0\.0\.1:\d+", "[address]"),
        (r"v4\.(local|public)\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)?", "[token]"),
        (r"fg[a-z]_[A-Za-z0-9_-]{20,}", "[key]"),
        (r"pi_[0-9a-f]{32}", "[intent]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[id]"),
        (r"<dd>[0-9A-F]{8}</dd>", "<dd>[short id]</dd>"),
        (r#"name="(csrf|attempt|seen|key)" value="[^"]*""#, r#"name="$1" value="[$1]""#),
        (r"\b[0-9A-Z]{26}\b", "[code]"),
        (r"\b[0-9A-Z]{4,6}( [0-9A-Z]{2,6}){4,6}\b", "[code]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", "[time]"),
        (r"\b\d\d:\d\d:\d\d\b", "[clock]"),
        (r#"data-as-of="\d+""#, r#"data-as-of="[ms]""#),
        (r#"data-secs="\d+""#, r#"data-secs="[seconds]""#),
        (r#"content="\d+; url="#, r#"content="[seconds]; url="#),
        (r"\?v=[0-9a-f]+", "?v=[version]"),
        (r#"(?s)<svg class="chart".*?</svg>"#, "[chart]"),
    ]
}
