//! `Retry-After` (RFC 9110 §10.2.3), as providers and clients send it.

use std::time::UNIX_EPOCH;

use crate::domain::time::Timestamp;

/// Seconds from `now` that a `Retry-After` header asks for (RFC 9110 §10.2.3): a number, or an HTTP date.
pub(super) fn retry_after_seconds(header: Option<&str>, now: Timestamp) -> Option<u32> {
    let header = header?.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(header.parse().unwrap_or(u32::MAX));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    let date = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let wait = date.saturating_sub(now.unix_seconds()).max(0);
    Some(u32::try_from(wait).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    #[test]
    fn a_retry_after_is_seconds_or_an_http_date() {
        for (header, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("99999999999999999999", Some(u32::MAX)),
            ("Fri, 15 Jan 2027 08:01:00 GMT", Some(60)),
            ("Friday, 15-Jan-27 08:01:00 GMT", Some(60)),
            ("Fri, 15 Jan 2027 07:59:00 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(u32::MAX)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after_seconds(Some(header), NOW), expected, "{header:?}");
        }
        assert_eq!(retry_after_seconds(None, NOW), None);
    }
}
