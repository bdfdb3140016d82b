//! The wheel against a model, its rules, and deaths inside of it.

#![allow(unsafe_code)]

use super::*;
use crate::ipc::shm_static;
use crate::ipc::tests::{fork_child, wait_child};
use crate::ipc::{ShmBox, lease_slot, recover_processes, test_segment};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

fn wheel(start: u32) -> &'static Wheel {
    test_segment();
    Wheel::create(start, ShmTag::CORE).expect("memory")
}

fn fast(data: u64) -> ShmBox<TimerNode> {
    ShmBox::try_new(TimerNode::fast(1, data), ShmTag::CORE).expect("memory")
}

fn slow(data: u64) -> ShmBox<TimerNode> {
    ShmBox::try_new(TimerNode::slow(2, data), ShmTag::CORE).expect("memory")
}

/// Advances to `tick`; returns which timers ran, and when.
fn run_to(wheel: &Wheel, tick: u32) -> Vec<(u32, u64)> {
    let mut ran = Vec::new();
    wheel.advance(tick, |due| {
        ran.push((due.tick, due.data));
        ONE_SHOT
    });
    ran
}

#[derive(Debug, Clone)]
enum Step {
    Add(u32),
    Del(prop::sample::Index),
    Advance(u32),
}

fn deltas() -> impl Strategy<Value = u32> {
    prop_oneof![
        0..40_u32,
        0..LEVEL0 * 2,
        Just(LEVEL0 - 1),
        Just(LEVEL0),
        Just(LEVEL0 + 1),
        0..(1_u32 << 24)
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => deltas().prop_map(Step::Add),
        1 => any::<prop::sample::Index>().prop_map(Step::Del),
        3 => prop_oneof![1..5_u32, 1..3 * LEVEL0].prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn timers_run_at_their_tick_in_order_as_in_a_sorted_map(
        start in prop_oneof![Just(u32::MAX - 20_000), any::<u32>()], steps in steps()
    ) {
        let wheel = wheel(start);
        let mut now = 0_u64;
        let mut timers = BTreeMap::new();
        let mut model: BTreeMap<(u64, u64), ()> = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(delta) => {
                    let timer = fast(number as u64);
                    wheel.add(&timer, delta).expect("fresh");
                    model.insert((now + u64::from(delta.max(1)), number as u64), ());
                    timers.insert(number as u64, timer);
                }
                Step::Del(index) if !model.is_empty() => {
                    let key = *model.keys().nth(index.index(model.len())).expect("one");
                    model.remove(&key);
                    prop_assert_eq!(wheel.del(&timers[&key.1]), Ok(true));
                    prop_assert_eq!(wheel.del(&timers[&key.1]), Ok(false));
                }
                Step::Del(_) => {}
                Step::Advance(by) => {
                    now += u64::from(by);
                    let later = model.split_off(&(now + 1, 0));
                    let expected: Vec<(u32, u64)> =
                        model.keys().map(|(tick, data)| (start.wrapping_add(*tick as u32), *data)).collect();
                    model = later;
                    let mut ran = run_to(wheel, start.wrapping_add(now as u32));
                    prop_assert!(ran.windows(2).all(|pair| distance(pair[0].0, pair[1].0) >= 0));
                    // Within one tick the order is not promised.
                    ran.sort_by_key(|(tick, data)| (tick.wrapping_sub(start), *data));
                    prop_assert_eq!(ran, expected);
                }
            }
        }
        let pending = timers.values().filter(|timer| timer.is_pending()).count();
        prop_assert_eq!(pending, model.len());
    }
}

#[test]
fn a_timer_for_the_highest_level_comes_down_and_runs_at_its_tick() {
    let wheel = wheel(5);
    let timer = fast(1);
    let delta = (1 << SHIFT2) * 2 + LEVEL0 * 3 + 7;
    wheel.add(&timer, delta).expect("fresh");
    assert_eq!(run_to(wheel, 5 + delta - 1), []);
    assert_eq!(run_to(wheel, 5 + delta), [(5 + delta, 1)]);
}

#[test]
fn a_timer_that_was_active_once_is_refused_until_it_is_initialised_again() {
    let wheel = wheel(0);
    let timer = fast(1);
    assert_eq!(wheel.add(&timer, MAX_DELTA + 1), Err(TimerError::TooLong));
    assert_eq!(wheel.add(&timer, 5), Ok(()));
    assert_eq!(wheel.add(&timer, 5), Err(TimerError::Active));
    assert!(!timer.reinit());
    assert_eq!(run_to(wheel, 5).len(), 1);
    assert_eq!(wheel.add(&timer, 5), Err(TimerError::Active));
    assert!(timer.reinit());
    assert_eq!(wheel.add(&timer, 5), Ok(()));
    assert_eq!(wheel.del(&timer), Ok(true));
    assert_eq!(wheel.add(&timer, 5), Err(TimerError::Active));
    assert_eq!(run_to(wheel, 50), []);
}

#[test]
fn the_return_value_ends_repeats_or_changes_the_interval() {
    let wheel = wheel(100);
    let timer = fast(1);
    wheel.add(&timer, 10).expect("fresh");
    let mut ran = Vec::new();
    wheel.advance(300, |due| {
        ran.push(due.tick);
        match ran.len() {
            1..=3 => PERIODIC,
            4 => 25,
            5 => PERIODIC,
            _ => ONE_SHOT,
        }
    });
    assert_eq!(ran, [110, 120, 130, 140, 165, 175]);
    assert!(!timer.is_pending());
}

#[test]
fn slow_timers_run_elsewhere_and_repeat_from_the_clock() {
    let wheel = wheel(0);
    let (timer, once) = (slow(1), slow(2));
    wheel.add(&timer, 10).expect("fresh");
    wheel.add(&once, 10).expect("fresh");
    let done = wheel.advance(12, |_| panic!("not in the timer process"));
    assert_eq!(
        done,
        Advance {
            ticks: 12,
            fast: 0,
            slow: 2,
            overflow: false
        }
    );
    assert!(timer.is_pending());
    let mut ran = Vec::new();
    let work = |due: Due| {
        ran.push((due.callback, due.data, due.tick));
        if due.data == 1 { PERIODIC } else { ONE_SHOT }
    };
    assert_eq!(wheel.run_slow(work), 2);
    assert_eq!(ran, [(2, 1, 12), (2, 2, 12)]);
    assert_eq!(wheel.advance(21, |_| 0).slow, 0);
    assert_eq!(wheel.advance(22, |_| 0).slow, 1);
    assert_eq!(wheel.del(&timer), Ok(true), "while it waits on a slow list");
    assert_eq!(wheel.run_slow(|_| panic!("deleted")), 0);
}

#[test]
fn a_slow_process_that_does_not_work_is_reported_and_nothing_is_lost() {
    let wheel = wheel(u32::MAX - 100);
    let timers: Vec<_> = (1..=2000).map(slow).collect();
    for (i, timer) in timers.iter().enumerate() {
        wheel.add(timer, i as u32 + 1).expect("fresh");
    }
    assert!(
        !wheel
            .advance(wheel.ticks().wrapping_add(1023), |_| 0)
            .overflow
    );
    assert!(
        wheel
            .advance(wheel.ticks().wrapping_add(977), |_| 0)
            .overflow
    );
    let mut ran = Vec::new();
    let mut work = |due: Due| {
        ran.push(due.data);
        ONE_SHOT
    };
    wheel.run_slow(&mut work);
    wheel.advance(wheel.ticks().wrapping_add(1), |_| 0);
    wheel.run_slow(&mut work);
    assert_eq!(ran, (1..=2000).collect::<Vec<u64>>());
}

#[test]
fn a_handler_cannot_delete_its_own_timer_but_can_let_it_go() {
    let wheel = wheel(0);
    let timer = fast(1);
    wheel.add(&timer, 1).expect("fresh");
    wheel.advance(1, |_| {
        assert_eq!(wheel.del(&timer), Err(TimerError::OwnHandler));
        PERIODIC
    });
    assert!(
        !timer.is_pending(),
        "deleted while it ran, so not set again"
    );
    let timer = fast(2);
    wheel.add(&timer, 1).expect("fresh");
    let mut own = Some(timer);
    wheel.advance(2, |_| {
        wheel.allow_del();
        drop(own.take());
        PERIODIC
    });
    assert!(own.is_none());
    let mut own = Some(fast(3));
    wheel.add(own.as_ref().expect("there"), 1).expect("fresh");
    wheel.advance(3, |_| {
        drop(own.take());
        PERIODIC
    });
    assert_eq!(wheel.advance(100, |_| 0).fast, 0);
}

#[test]
fn dropping_a_timer_takes_it_off_the_wheel() {
    let wheel = wheel(0);
    let kept = fast(1);
    wheel.add(&kept, 3).expect("fresh");
    for delta in [3, 3, LEVEL0 + 3] {
        let timer = fast(9);
        wheel.add(&timer, delta).expect("fresh");
    }
    assert_eq!(run_to(wheel, LEVEL0 * 2), [(3, 1)]);
}

#[test]
fn del_waits_for_a_handler_that_runs_in_another_process() {
    let wheel = wheel(0);
    let timer = slow(1);
    let begun = shm_static(AtomicBool::new(false), ShmTag::CORE).expect("memory");
    let ended = shm_static(AtomicBool::new(false), ShmTag::CORE).expect("memory");
    wheel.add(&timer, 1).expect("fresh");
    wheel.advance(1, |_| 0);
    let lease = lease_slot();
    let pid = fork_child(lease.slot(), || {
        let ran = wheel.run_slow(|_| {
            begun.store(true, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            ended.store(true, Ordering::SeqCst);
            PERIODIC
        });
        i32::from(ran != 1)
    });
    while !begun.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    wheel.del(&timer).expect("not our handler");
    assert!(ended.load(Ordering::SeqCst));
    assert!(!timer.is_pending());
    assert_eq!(wait_child(pid), 0);
    assert_eq!(
        wheel.advance(100, |_| 0),
        Advance {
            ticks: 99,
            ..Advance::default()
        }
    );
}

/// Adds timers for the next ticks and deletes older ones until told to stop; returns an error code.
fn adder(wheel: &Wheel, tag: ShmTag, stop: &AtomicBool) -> i32 {
    let mut timers = std::collections::VecDeque::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let node = if round % 3 == 0 {
            TimerNode::fast(1, 0)
        } else {
            TimerNode::slow(1, 0)
        };
        let Ok(timer) = ShmBox::try_new(node, tag) else {
            return 1;
        };
        if wheel.add(&timer, round % 9).is_err() {
            return 2;
        }
        timers.push_back(timer);
        if timers.len() > 50 {
            timers.pop_front();
        }
    }
    0
}

#[test]
fn processes_add_and_delete_while_the_wheel_turns() {
    let wheel = wheel(u32::MAX - 3);
    let tag = ShmTag::register("wheel stress");
    let leases: Vec<_> = (0..4).map(|_| lease_slot()).collect();
    let stop = shm_static(AtomicBool::new(false), ShmTag::CORE).expect("memory");
    let slow = shm_static(AtomicU32::new(0), ShmTag::CORE).expect("memory");
    let mut children: Vec<i32> = leases[..3]
        .iter()
        .map(|lease| fork_child(lease.slot(), || adder(wheel, tag, stop)))
        .collect();
    children.push(fork_child(leases[3].slot(), || {
        while !stop.load(Ordering::Relaxed) {
            wheel.wait_slow(Duration::from_millis(5));
            let ran = wheel.run_slow(|_| PERIODIC);
            slow.fetch_add(ran as u32, Ordering::Relaxed);
        }
        0
    }));
    let end = std::time::Instant::now() + Duration::from_secs(20);
    let mut fast = 0;
    while fast < 5000 || slow.load(Ordering::Relaxed) < 5000 {
        fast += wheel.advance(wheel.ticks().wrapping_add(1), |_| 2).fast;
        assert!(std::time::Instant::now() < end, "{fast} fast ones ran");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(children.into_iter().all(|pid| wait_child(pid) == 0));
    let stats = &crate::ipc::tag_stats()[usize::from(tag.index())];
    assert_eq!(stats.allocations, 0);
    for index in 0..SLOTS {
        assert_eq!(wheel.slot(index).chain.check(), Ok(0));
    }
}

#[test]
fn a_timer_that_was_on_its_way_between_slots_is_linked_again() {
    for stores in 0..4 {
        let wheel = wheel(LEVEL0 - 2);
        let others = [fast(2), fast(3)];
        let timer = fast(1);
        wheel.add(&others[0], LEVEL0 + 5).expect("fresh");
        wheel.add(&timer, LEVEL0 + 5).expect("fresh");
        wheel.add(&others[1], LEVEL0 + 5).expect("fresh");
        let source = timer.place.load(Ordering::Relaxed) - 1;
        let target = slot_for(LEVEL0, timer.expire.load(Ordering::Relaxed) - LEVEL0);
        // Plays the timer process, slot 700, in the middle of `transfer`.
        let dead = 700;
        wheel.running[TIMER].slot.store(dead + 1, Ordering::Relaxed);
        for slot in [source, target] {
            let lock = &wheel.slot(slot).lock;
            crate::ipc::segment::heap()
                .expect("a segment")
                .area(dead as u16)
                .note_lock(lock);
            lock.lock_as(dead as u16);
        }
        wheel.running[TIMER]
            .moving
            .store(timer.offset(), Ordering::Relaxed);
        if stores > 0 {
            wheel.slot(source).chain.remove(timer.offset());
        }
        if stores > 1 {
            wheel.slot(source).chain.push_back(timer.offset());
        }
        if stores > 2 {
            timer.place.store(source + 1, Ordering::Relaxed);
        }
        recover_processes(&[dead as u16]);
        assert_eq!(wheel.slot(source).lock.owner(), None);
        assert_eq!(wheel.slot(target).lock.owner(), None);
        let due = 2 * LEVEL0 + 3;
        let mut ran = run_to(wheel, due);
        ran.sort_unstable();
        assert_eq!(ran, [(due, 1), (due, 2), (due, 3)], "after {stores} stores");
    }
}

#[test]
fn the_timer_of_a_handler_that_was_killed_runs_again() {
    let wheel = wheel(0);
    let timer = slow(1);
    wheel.add(&timer, 4).expect("fresh");
    wheel.advance(4, |_| 0);
    let lease = lease_slot();
    let pid = fork_child(lease.slot(), || {
        wheel.run_slow(|_| {
            // SAFETY: ends this process as a crash would.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            0
        });
        0
    });
    assert_eq!(wait_child(pid), -libc::SIGKILL);
    recover_processes(&[lease.slot()]);
    assert!(timer.is_pending());
    wheel.advance(8, |_| 0);
    let mut ran = 0;
    wheel.run_slow(|_| {
        ran += 1;
        ONE_SHOT
    });
    assert_eq!(ran, 1);
    assert_eq!(wheel.del(&timer), Ok(false));
}

#[test]
fn processes_killed_while_they_add_and_delete_leave_a_wheel_that_turns_on() {
    let wheel = wheel(9);
    let tag = ShmTag::register("wheel kills");
    let stop = shm_static(AtomicBool::new(false), ShmTag::CORE).expect("memory");
    for round in 0..60 {
        let lease = lease_slot();
        let pid = fork_child(lease.slot(), || adder(wheel, tag, stop));
        for _ in 0..10 {
            std::thread::sleep(Duration::from_micros(50 + round * 7));
            wheel.advance(wheel.ticks().wrapping_add(1), |_| PERIODIC);
        }
        // SAFETY: a child of this test that was not yet waited for.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        assert_eq!(wait_child(pid), -libc::SIGKILL);
        recover_processes(&[lease.slot()]);
        for index in 0..SLOTS {
            assert!(wheel.slot(index).chain.check().is_ok());
        }
    }
    // What the dead had set still runs, and then nothing is left.
    wheel.advance(wheel.ticks().wrapping_add(20), |_| ONE_SHOT);
    wheel.run_slow(|_| ONE_SHOT);
    for index in 0..SLOTS {
        assert_eq!(wheel.slot(index).chain.check(), Ok(0));
    }
}

/// The timer process dies at each point of a tick.
#[test]
fn no_timer_is_forgotten_wherever_its_process_dies() {
    for n in 0.. {
        let wheel = wheel(100);
        let timers: Vec<_> = (0..3).map(fast).chain((3..6).map(slow)).collect();
        for timer in &timers {
            wheel.add(timer, 1).expect("fresh");
        }
        let lease = lease_slot();
        let pid = fork_child(lease.slot(), || {
            crate::ipc::fault::plan_death(n);
            wheel.advance(101, |_| PERIODIC);
            wheel.run_slow(|_| PERIODIC);
            0
        });
        let survived = wait_child(pid) == 0;
        recover_processes(&[lease.slot()]);
        let mut ran = std::collections::BTreeSet::new();
        for tick in 102..106 {
            wheel.advance(tick, |due| {
                ran.insert(due.data);
                PERIODIC
            });
            wheel.run_slow(|due| {
                ran.insert(due.data);
                PERIODIC
            });
        }
        assert_eq!(ran.len(), timers.len(), "point {n}: {ran:?}");
        for index in 0..SLOTS {
            assert!(wheel.slot(index).chain.check().is_ok(), "point {n}");
        }
        if survived {
            assert!(n > 50, "{n} points");
            return;
        }
    }
}
