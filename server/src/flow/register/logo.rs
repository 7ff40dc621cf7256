//! A client's logo: fetched once, when the client is registered, and served from here, so that phones never contact a relying
//! party (device protocol, "Prompt").

use std::io::Cursor;

use png::{Decoder, Limits};

use super::members::BadMember;
use crate::domain::client::Client;
use crate::domain::registration::Logo;
use crate::outbound::client::Reply;

/// A logo has at most so many bytes: in base64url it must fit into a record of the store.
pub const MOST_LOGO_BYTES: usize = 11 * 1024;

/// And so many pixels a side.
pub const MOST_LOGO_PIXELS: u32 = 512;

/// What a PNG ends with (PNG, third edition, §11.2.5).
const END: [u8; 12] = [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];

/// The picture of a reply, if it may be this client's.
pub(super) fn read(client: &Client, reply: &Reply) -> Result<Logo, BadMember> {
    let bad = |rule: &'static str| BadMember::new("logo_uri", rule);
    if reply.status != 200 {
        return Err(bad("must answer 200 without a redirect"));
    }
    let media_type = reply.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("image/png") {
        return Err(bad("must lead to a PNG, of type image/png"));
    }
    let bytes = reply.body.whole().filter(|bytes| bytes.len() <= MOST_LOGO_BYTES);
    let bytes = bytes.ok_or_else(|| bad("must lead to a PNG of at most 11 KiB"))?;
    if !is_picture(bytes) {
        return Err(bad("must lead to a PNG of at most 512 pixels a side that is not animated"));
    }
    Ok(Logo::of(client.id.clone(), bytes))
}

/// Whether it is one picture, a PNG that can be decoded, and nothing behind it.
fn is_picture(bytes: &[u8]) -> bool {
    if !bytes.ends_with(&END) {
        return false;
    }
    // Eight bytes a pixel at the most.
    let limits = Limits { bytes: (MOST_LOGO_PIXELS * MOST_LOGO_PIXELS * 8) as usize };
    let Ok(mut reader) = Decoder::new_with_limits(Cursor::new(bytes), limits).read_info() else { return false };
    let (width, height) = reader.info().size();
    if width.max(height) > MOST_LOGO_PIXELS {
        return false;
    }
    // What moves draws the eye from what is to be read, and whoever looked at it may have seen one frame of many.
    if reader.info().animation_control().is_some() {
        return false;
    }
    let Some(size) = reader.output_buffer_size() else { return false };
    reader.next_frame(&mut vec![0; size]).is_ok() && reader.finish().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey picture.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&vec![0x80; (width * height) as usize]).expect("pixels");
        writer.finish().expect("an end");
        bytes
    }

    #[test]
    fn a_png_is_a_picture_up_to_512_pixels_a_side() {
        assert!(is_picture(&png(1, 1)) && is_picture(&png(512, 512)));
        assert!(!is_picture(&png(513, 1)) && !is_picture(&png(1, 513)));
    }

    #[test]
    fn what_is_damaged_cut_or_something_else_besides_is_none() {
        let good = png(8, 8);
        assert!(!is_picture(&good[..good.len() - 1]));
        assert!(!is_picture(&[&good[..], b"<script>"].concat()));
        assert!(!is_picture(&[&good[..33], &END].concat()), "no pixels");
        let mut damaged = good.clone();
        damaged[45] ^= 1;
        assert!(!is_picture(&damaged), "a bit flipped in the pixels");
        for other in [&b""[..], b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", &END] {
            assert!(!is_picture(other));
        }
    }
}
