//! Memory that comes and goes for long: how much more the segment takes than what is in use.
//!
//! Sizes and lifetimes are those of the server: a transaction is a record of 512 bytes, two timers of 112, its request, branches
//! of about 300 bytes, what the script decided, replies; it lives for as long as a call rings and lingers for some
//! seconds. A registration is a user, a binding and its texts, and lives for an hour. Names are looked up again and again.
//! `scripts/soak memory N` makes N allocations (ten millions if it is not told); threads stand for processes, each
//! with caches of its own.

use ser::ipc::{ShmStr, ShmTag, shm_stats, test_segment};
use std::collections::BinaryHeap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

const PROCESSES: u64 = 4;
/// What the memory that is taken may be of the most that was in use until then.
const MOST: f64 = 1.5;

/// A thing of several blocks, and how long it lives, in allocations.
struct Kind {
    share: u64,
    blocks: &'static [(usize, usize)],
    life: (u64, u64),
}

const KINDS: &[Kind] = &[
    // A transaction of a call.
    Kind {
        share: 55,
        blocks: &[
            (512, 512),
            (112, 112),
            (500, 1500),
            (280, 900),
            (60, 300),
            (300, 800),
        ],
        life: (2_000, 30_000),
    },
    // One that ends at once.
    Kind {
        share: 25,
        blocks: &[(512, 512), (112, 112), (350, 700), (280, 300), (300, 500)],
        life: (500, 5_000),
    },
    // A registration.
    Kind {
        share: 15,
        blocks: &[(56, 56), (72, 72), (150, 450)],
        life: (100_000, 400_000),
    },
    // A name.
    Kind {
        share: 5,
        blocks: &[(200, 260), (64, 600)],
        life: (5_000, 60_000),
    },
];

/// xorshift64*: the same run each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn within(&mut self, (from, to): (u64, u64)) -> u64 {
        from + self.next() % (to - from + 1)
    }
}

/// Things by the moment of their end, the next one first.
#[allow(dead_code, reason = "its end is what frees the blocks")]
struct Living(std::cmp::Reverse<u64>, Vec<ShmStr>);

impl PartialEq for Living {
    fn eq(&self, other: &Living) -> bool {
        self.0 == other.0
    }
}
impl Eq for Living {}
impl PartialOrd for Living {
    fn partial_cmp(&self, other: &Living) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Living {
    fn cmp(&self, other: &Living) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// One process: allocates `count` blocks, and frees what has ended.
fn process(seed: u64, count: u64, made: &AtomicU64, tag: ShmTag) {
    let mut random = Random(seed);
    let mut living = BinaryHeap::new();
    let mut now = 0;
    // Load goes up and down, as days do.
    while now < count {
        let busy = if (now / 150_000) % 3 == 2 { 4 } else { 1 };
        let mut choice = random.next() % 100;
        let kind = KINDS
            .iter()
            .find(|kind| match choice.checked_sub(kind.share) {
                Some(rest) => {
                    choice = rest;
                    false
                }
                None => true,
            });
        let kind = kind.expect("shares are a hundred together");
        let sizes = kind
            .blocks
            .iter()
            .map(|&(from, to)| random.within((from as u64, to as u64)));
        let sizes: Vec<u64> = sizes.collect();
        let block = |size: &u64| {
            let bytes = vec![b'x'; *size as usize];
            ShmStr::try_new_in(&bytes, tag).expect("there is memory")
        };
        now += sizes.len() as u64;
        made.fetch_add(sizes.len() as u64, Ordering::Relaxed);
        let end = now + random.within(kind.life) / busy;
        living.push(Living(
            std::cmp::Reverse(end),
            sizes.iter().map(block).collect(),
        ));
        while living.peek().is_some_and(|next| next.0.0 <= now) {
            living.pop();
        }
    }
}

#[test]
fn what_is_taken_stays_in_proportion_to_what_is_in_use() {
    let count = std::env::var("ALLOCATIONS").map_or(400_000, |n| n.parse().expect("a number"));
    let segment = test_segment();
    let tag = ShmTag::register("fragmentation");
    let start = segment.resident();
    let made = AtomicU64::new(0);
    let (mut worst, mut peak, mut next) = (0.0_f64, 0, count / 10);
    std::thread::scope(|scope| {
        let each = count / PROCESSES;
        let made = &made;
        let threads: Vec<_> = (1..=PROCESSES)
            .map(|seed| scope.spawn(move || process(seed * 7919, each, made, tag)))
            .collect();
        while !threads.iter().all(|thread| thread.is_finished()) {
            std::thread::sleep(std::time::Duration::from_millis(1));
            let done = made.load(Ordering::Relaxed);
            let (taken, used) = (segment.resident() - start, shm_stats().used);
            peak = peak.max(used);
            if done < next {
                continue;
            }
            next += count / 10;
            let ratio = taken as f64 / peak as f64;
            worst = worst.max(ratio);
            // The harness swallows what `println!` writes.
            let line = format!(
                "memory: {done} allocations: {} KB in use, {} KB at most, {} KB taken ({ratio:.2})\n",
                used / 1024,
                peak / 1024,
                taken / 1024
            );
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    });
    let left = segment.resident() - start;
    let line = format!("memory: nothing in use, {} KB taken\n", left / 1024);
    let _ = std::io::stderr().write_all(line.as_bytes());
    assert!(worst > 1.0 && worst < MOST, "{worst}");
    assert_eq!(ser::ipc::check_allocator(), Ok(()));
}
