//! The cache at chosen ticks.

use super::*;
use crate::core::dns::records::SetWriter;
use crate::ipc::test_segment;

fn cache(change: impl FnOnce(&mut Settings)) -> Cache {
    test_segment();
    let mut settings = Settings::default();
    change(&mut settings);
    Cache::create(&settings).expect("memory")
}

fn question(name: &str) -> Question {
    Question {
        name: HostName::parse(name.as_bytes()).unwrap(),
        rtype: RecordType::A,
    }
}

fn found(ttl: u32) -> Fact {
    let mut set = SetWriter::default();
    assert!(set.address([192, 0, 2, 1].into()));
    Fact {
        set: Ok(set.finish()),
        ttl: Some(ttl),
    }
}

fn failed(why: Failure, ttl: Option<u32>) -> Fact {
    Fact { set: Err(why), ttl }
}

/// What the cache knows: `None` nothing, else the number of addresses or the failure.
fn look(cache: &Cache, name: &str, now: u32) -> Option<Result<usize, Failure>> {
    let mut seen = None;
    cache.look(&question(name), now, &mut |known| {
        seen = Some(match known {
            Known::Records(set) => Ok(set.addresses().count()),
            Known::Nothing(why) => Err(why),
        });
    });
    seen
}

#[test]
fn a_set_is_known_until_its_time_is_over() {
    let cache = cache(|_| {});
    // Ticks wrap.
    let now = u32::MAX - 5;
    cache.keep(&question("a.org"), &found(60), now);
    assert_eq!(look(&cache, "a.org", now), Some(Ok(1)));
    assert_eq!(look(&cache, "b.org", now), None);
    assert_eq!(
        look(&cache, "a.org", now.wrapping_add(60 * 16 - 1)),
        Some(Ok(1))
    );
    assert_eq!(look(&cache, "a.org", now.wrapping_add(60 * 16)), None);
    cache.keep(&question("a.org"), &found(0), now);
    assert_eq!(look(&cache, "a.org", now), None, "to live 0 seconds");
    assert_eq!(cache.used(), 0);
}

#[test]
fn times_to_live_have_limits() {
    let cache = cache(|s| {
        s.dns_cache_min_ttl = 10;
        s.dns_cache_max_ttl = 100;
        s.dns_cache_negative_ttl = 30;
    });
    for (fact, seconds) in [
        (found(1), 10),
        (found(50), 50),
        (found(u32::MAX), 100),
        (failed(Failure::NoSuchName, None), 30),
        (failed(Failure::NoAddress, Some(7)), 7),
        (failed(Failure::NoSuchName, Some(3600)), 30),
        (failed(Failure::Timeout, None), MAX_ERROR_TTL),
    ] {
        cache.keep(&question("a.org"), &fact, 0);
        assert!(
            look(&cache, "a.org", seconds * 16 - 1).is_some(),
            "{fact:?}"
        );
        assert!(look(&cache, "a.org", seconds * 16).is_none(), "{fact:?}");
    }
}

#[test]
fn no_is_remembered_unless_the_negative_cache_is_off() {
    let on = cache(|_| {});
    on.keep(&question("a.org"), &failed(Failure::NoSuchName, None), 0);
    assert_eq!(look(&on, "a.org", 1), Some(Err(Failure::NoSuchName)));
    on.keep(&question("a.org"), &found(60), 2);
    assert_eq!(look(&on, "a.org", 3), Some(Ok(1)));
    let off = cache(|s| s.dns_cache_negative_ttl = 0);
    off.keep(&question("a.org"), &failed(Failure::NoSuchName, None), 0);
    assert_eq!(look(&off, "a.org", 1), None);
}

#[test]
fn what_was_not_looked_at_for_long_makes_room() {
    let cache = cache(|s| s.dns_cache_mem = 8);
    let names: Vec<_> = (0..1000).map(|i| format!("host{i}.example.org")).collect();
    for (i, name) in names.iter().enumerate() {
        cache.keep(&question(name), &found(10_000), i as u32);
        assert!(look(&cache, "host0.example.org", i as u32).is_some(), "{i}");
        assert!(cache.used() <= cache.max());
    }
    assert!(look(&cache, "host999.example.org", 1000).is_some());
    assert!(look(&cache, "host1.example.org", 1000).is_none());
    let mut sizes = 0;
    cache.for_each(|e| sizes += e.size() as i64);
    assert_eq!(sizes, cache.used());
    assert!(sizes > cache.max() / 2);
}

#[test]
fn without_permission_nothing_goes_before_its_time() {
    let cache = cache(|s| {
        s.dns_cache_mem = 1;
        s.dns_cache_del_nonexp = false;
    });
    for i in 0..100 {
        cache.keep(&question(&format!("host{i}.org")), &found(10), 0);
    }
    assert!(look(&cache, "host0.org", 1).is_some());
    assert!(look(&cache, "host99.org", 1).is_none());
    // The time is over: there is room again.
    cache.keep(&question("late.org"), &found(10), 200);
    assert!(look(&cache, "late.org", 201).is_some());
    assert!(look(&cache, "host0.org", 201).is_none());
}

#[test]
fn the_sweep_gives_everything_back() {
    let cache = cache(|_| {});
    for i in 0..50 {
        let name = format!("a-rather-long-name-{i}.example.org");
        cache.keep(&question(&name), &found(i), 0);
    }
    assert!(cache.used() > 0);
    assert_eq!(
        cache.collect_garbage(25 * 16),
        25,
        "ttl 0 is not kept at all"
    );
    assert_eq!(cache.collect_garbage(50 * 16), 24);
    assert_eq!(cache.used(), 0);
}
