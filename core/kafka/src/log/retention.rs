//! Which segments of a log have had their time.

use crate::log::LogSettings;
use crate::log::segment::Segment;

/// How many of the oldest segments go. `segments` are in order, the last one is the active one; it never goes, but see [`is_active_over`].
/// Nothing goes that is not durable.
pub fn expired<'s>(
    segments: impl ExactSizeIterator<Item = &'s Segment> + Clone,
    settings: &LogSettings,
    log_start: i64,
    high_watermark: i64,
    now_ms: i64,
) -> usize {
    let sealed = segments.len().saturating_sub(1);
    let mut excess = match (settings.deletes, settings.retention_len) {
        (true, limit @ 0..) => segments.clone().map(Segment::len).sum::<u64>().saturating_sub(limit as u64),
        _ => 0,
    };
    let mut count = 0;
    for segment in segments.take(sealed) {
        let is_below = segment.next_offset() <= log_start;
        let is_old = settings.deletes && is_over(segment, settings, now_ms);
        let is_much = excess > 0 && excess >= segment.len();
        if segment.next_offset() > high_watermark || !(is_below || is_old || is_much) {
            break;
        }
        excess = excess.saturating_sub(segment.len());
        count += 1;
    }
    count
}

/// Whether the active segment has had its time, so that a new one is to be begun for it to go.
pub fn is_active_over(active: &Segment, settings: &LogSettings, now_ms: i64) -> bool {
    settings.deletes && !active.is_empty() && is_over(active, settings, now_ms)
}

fn is_over(segment: &Segment, settings: &LogSettings, now_ms: i64) -> bool {
    settings.retention_ms >= 0 && now_ms.saturating_sub(segment.age_from_ms()) > settings.retention_ms
}
