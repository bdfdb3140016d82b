//! When shared memory is at its limit: whoever asked for some gives an answer of its own (503); here it is counted and told
//! of, once a second at most, with who holds how much.

use super::{Counter, count_n};
use crate::core::time::register_timer;
use crate::ipc::{Refused, ShmTag, shm_refused, shm_static, shm_stats, tag_stats};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many holders of memory are told.
const TOLD: usize = 3;

crate::shm_struct! {
    /// What was told already.
    struct Told {
        refused: AtomicU64,
    }
}

static LAST: OnceLock<&'static Told> = OnceLock::new();

/// Makes the timer; in the attendant, once there are timers.
pub(in crate::core) fn create() -> Result<(), String> {
    let told = Told {
        refused: AtomicU64::new(0),
    };
    let told = shm_static(told, ShmTag::CORE).map_err(|_| "out of shared memory".to_owned())?;
    LAST.get_or_init(|| told);
    register_timer("limit of shared memory", look, 0, 1)
}

/// In the slow timer process.
fn look(_seconds: u32, _param: u64) {
    let (Some(last), Some(now)) = (LAST.get(), shm_refused()) else {
        return;
    };
    let before = last.refused.swap(now.count, Ordering::Relaxed);
    let new = now.count.saturating_sub(before);
    if new > 0 {
        count_n(Counter::ShmRefused, new);
        log::error!("{}", text(new, &now));
    }
}

fn text(new: u64, last: &Refused) -> String {
    let mut tags = tag_stats();
    let who = tags
        .get(last.last_tag)
        .map_or("?", |tag| &tag.name)
        .to_owned();
    tags.sort_by_key(|tag| std::cmp::Reverse(tag.real_used));
    let holder = |tag: &crate::ipc::TagStats| format!("{} {} KB", tag.name, tag.real_used / 1024);
    let holders: Vec<String> = tags.iter().take(TOLD).map(holder).collect();
    format!(
        "ERROR: shared memory is at its limit of {} MB: {new} requests were refused, the last of them {} bytes for {who}; \
         it is held by {} (more: core.shm_by_module)",
        shm_stats().total >> 20,
        last.last_size,
        holders.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;

    #[test]
    fn the_text_tells_how_many_who_and_who_holds_it() {
        test_segment();
        let last = Refused {
            count: 9,
            last_size: 312,
            last_tag: 0,
        };
        let text = text(7, &last);
        assert!(
            text.contains("limit of 1024 MB: 7 requests were refused"),
            "{text}"
        );
        assert!(
            text.contains("312 bytes for core; it is held by "),
            "{text}"
        );
    }
}
