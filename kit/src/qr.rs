//! QR pictures. Pure.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// The light margin readers need, in modules.
const MARGIN: usize = 4;

/// The QR picture of `text` as an SVG element, black on white in any colour scheme so that every
/// reader takes it.
///
/// # Errors
/// When the text is too long for a QR picture.
pub fn svg(text: &str, label: &str) -> Result<String, qrcode::types::QrError> {
    let qr = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let (width, modules) = (qr.width(), qr.to_colors());
    let side = width + 2 * MARGIN;
    let mut path = String::new();
    for (row, line) in modules.chunks(width.max(1)).enumerate() {
        let mut column = 0;
        for run in line.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                // Writing to a String cannot fail.
                let _ = write!(
                    path,
                    "M{} {}h{}v1h-{}z",
                    column + MARGIN,
                    row + MARGIN,
                    run.len(),
                    run.len()
                );
            }
            column += run.len();
        }
    }
    let label = label.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    Ok(format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {side} {side}\" \
            width=\"180\" height=\"180\" \
         shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_says_what_it_is_and_draws_every_dark_module() {
        let text = "7ZZZZABCDE12345FGHJKVWXYZ9";
        let picture = svg(text, "QR of \"1\" <of> 2").expect("fits");
        assert!(picture.contains("aria-label=\"QR of &quot;1&quot; &lt;of> 2\""), "{picture}");
        let qr = QrCode::with_error_correction_level(text, EcLevel::M).expect("fits");
        let dark = qr.to_colors().iter().filter(|color| **color == Color::Dark).count();
        let drawn: usize = picture
            .split('h')
            .filter_map(|part| part.split_once("v1")?.0.parse::<usize>().ok())
            .sum();
        assert_eq!(drawn, dark);
    }
}
