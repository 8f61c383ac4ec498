//! Tickets' QR codes as PNG pictures: mail programs show neither SVG nor what a script draws. Pure.

use anyhow::Context;
use qrcode::{Color, EcLevel, QrCode};

/// Pixels a module.
const SCALE: usize = 6;
/// The light margin that readers need, in modules.
const MARGIN: usize = 4;

/// The picture of `code`, black on white, with what the ticket page's picture says too.
///
/// # Errors
/// When the code is too long for a QR picture.
pub fn png(code: &str) -> anyhow::Result<Vec<u8>> {
    let qr =
        QrCode::with_error_correction_level(code, EcLevel::M).context("drawing a QR picture")?;
    let (width, modules) = (qr.width(), qr.to_colors());
    let side = (width + 2 * MARGIN) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| (at / SCALE).checked_sub(MARGIN).filter(|module| *module < width);
        let module = inside(x).zip(inside(y)).map(|(x, y)| modules[y * width + x]);
        module == Some(Color::Dark)
    };
    // One bit a pixel, rows filled up to whole bytes.
    let bytes_a_row = side.div_ceil(8);
    let mut pixels = vec![0xFF_u8; bytes_a_row * side];
    for y in 0..side {
        for x in (0..side).filter(|x| is_dark(*x, y)) {
            pixels[y * bytes_a_row + x / 8] &= !(0x80 >> (x % 8));
        }
    }
    let mut file = Vec::new();
    let pixels_a_side = u32::try_from(side).context("a QR picture too large")?;
    let mut encoder = png::Encoder::new(&mut file, pixels_a_side, pixels_a_side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().context("writing a PNG")?;
    writer.write_image_data(&pixels).context("writing a PNG")?;
    writer.finish().context("writing a PNG")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_every_dark_module_and_a_light_margin() {
        let code = "7ZZZZABCDE12345FGHJKVWXYZ9";
        let file = png(code).expect("fits");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let frame = reader.next_frame(&mut pixels).expect("a picture");
        let side = frame.width as usize;
        let dark: u32 = pixels
            .chunks(frame.line_size)
            .map(|row| (0..side).filter(|x| row[x / 8] & (0x80 >> (x % 8)) == 0).count() as u32)
            .sum();
        let qr = QrCode::with_error_correction_level(code, EcLevel::M).expect("fits");
        let modules = qr.to_colors().iter().filter(|color| **color == Color::Dark).count() as u32;
        assert_eq!(dark, modules * (SCALE * SCALE) as u32);
        assert_eq!(side, (qr.width() + 2 * MARGIN) * SCALE);
        assert!(
            pixels[..frame.line_size * MARGIN * SCALE].iter().all(|byte| *byte == 0xFF),
            "margin"
        );
        assert!(file.len() < 4_096, "{}", file.len());
    }
}
