//! A ticket as a picture (ISO/IEC 18004). It holds the ticket's secret: whoever makes one throws it away after showing it.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder, QRCode};

/// Modules of white around the code: what scanners need (ISO/IEC 18004 §5.3.8).
const QUIET: usize = 4;

/// Pixels of a module in a bitmap.
const SCALE: usize = 8;

/// Error correction level M, 15 %: a screen is clean, and fewer modules are scanned from farther off. `None` if the text
/// fits no code, which takes more than 2,331 bytes.
pub(super) fn encode(text: &str) -> Option<QRCode> {
    QRBuilder::new(text).ecl(ECL::M).build().ok()
}

/// As `image/svg+xml`, one unit for each module: scale it as you like.
pub(super) fn svg(code: &QRCode) -> String {
    let side = code.size + 2 * QUIET;
    let mut path = String::new();
    for (row, column) in dark(code) {
        let _ = write!(path, "M{} {}h1v1h-1z", column + QUIET, row + QUIET);
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"><rect width="{side}" height="{side}" fill="#fff"/><path d="{path}" fill="#000"/></svg>"##
    )
}

/// As `image/png`: greyscale of one bit, eight pixels for each module.
pub(super) fn png(code: &QRCode) -> Result<Vec<u8>, png::EncodingError> {
    let side = (code.size + 2 * QUIET) * SCALE;
    // A module is eight pixels wide, and eight pixels are a byte.
    let row_bytes = side / 8;
    let mut pixels = vec![0xff; row_bytes * side];
    for (row, column) in dark(code) {
        for line in 0..SCALE {
            pixels[((row + QUIET) * SCALE + line) * row_bytes + column + QUIET] = 0;
        }
    }
    let mut bytes = Vec::new();
    let side = u32::try_from(side).expect("177 modules are the most");
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}

fn dark(code: &QRCode) -> impl Iterator<Item = (usize, usize)> {
    let places = (0..code.size).flat_map(|row| (0..code.size).map(move |column| (row, column)));
    places.filter(|(row, column)| code[*row][*column].value())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: &str = "https://op.example/enrol#v=1&c=AAAAAAAAAAAAAAAAAAAAAA&k=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&x=1800000000";

    /// The dark modules of a bitmap.
    fn read(bitmap: &[u8]) -> Vec<(usize, usize)> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bitmap)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
        let frame = reader.next_frame(&mut pixels).expect("a frame");
        assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Grayscale, png::BitDepth::One));
        let side = frame.width as usize;
        assert_eq!((side, side % SCALE), (frame.height as usize, 0));
        let is_dark = |x: usize, y: usize| pixels[y * frame.line_size + x / 8] & (0x80 >> (x % 8)) == 0;
        let mut found = Vec::new();
        for (row, column) in (0..side / SCALE).flat_map(|row| (0..side / SCALE).map(move |column| (row, column))) {
            let of_module = (0..SCALE * SCALE).map(|n| is_dark(column * SCALE + n % SCALE, row * SCALE + n / SCALE));
            let dark = of_module.filter(|dark| *dark).count();
            assert!(dark == 0 || dark == SCALE * SCALE, "a module is of one colour");
            found.extend((dark > 0).then_some((row, column)));
        }
        found
    }

    #[test]
    fn the_bitmap_shows_the_modules_of_the_code_and_white_around() {
        let code = encode(TICKET).expect("it fits");
        let expected: Vec<_> = dark(&code).map(|(row, column)| (row + QUIET, column + QUIET)).collect();
        assert_eq!(read(&png(&code).expect("a PNG")), expected);
        // The finder patterns: seven dark modules in three corners.
        for (row, column) in [(0, 0), (0, code.size - 7), (code.size - 7, 0)] {
            assert!((0..7).all(|n| expected.contains(&(row + QUIET, column + QUIET + n))));
        }
    }

    #[test]
    fn the_drawing_has_a_square_for_each_dark_module_and_no_text_of_the_ticket() {
        let code = encode(TICKET).expect("it fits");
        let svg = svg(&code);
        assert_eq!(svg.matches("h1v1h-1z").count(), dark(&code).count());
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"));
        assert!(!svg.contains("enrol"));
    }

    #[test]
    fn what_is_too_long_for_any_code_is_none() {
        assert!(encode(&"a".repeat(3_000)).is_none());
    }
}
