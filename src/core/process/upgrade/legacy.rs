//! What a program is told that is started to take the place of another: by an environment variable, which names its
//! parent (so that a program which a server happens to start does not take it for its own) and a list that it can read.

use super::link::{Link, Verb};
use crate::core::net::inherited;
use crate::ipc;
use nix::unistd::getppid;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{OwnedFd, RawFd};

/// The variable: pid of the parent, colon, number of the descriptor of the list.
pub const VARIABLE: &str = "SER_UPGRADE";
const LIST: &str = "list";
const LINK: &str = "link";
/// The segment that the program before uses.
pub const SEGMENT: &str = "segment";
/// What modules carry over to a program that does not go on with the segment.
pub const EXPORT: &str = "export";
/// The receive buffers that outlast their processes.
pub const SCRATCH: &str = "scratch";

/// What the program before leaves to this one.
#[derive(Debug)]
pub struct Legacy {
    pub(super) link: Link,
    /// The process slot of this program until it is in office.
    pub(super) slot: u16,
    /// The generation of the configuration in force.
    pub(super) generation: u32,
    /// The number of receivers that its ser.cfg asked for.
    pub(super) children: u32,
    /// It is to have a segment of its own.
    pub(super) fresh: bool,
    /// Why it cannot go on with the segment.
    foreign: Option<String>,
}

/// The text of the list.
pub(super) fn list(
    (slot, generation, children, fresh): (u16, u32, u32, bool),
    link: RawFd,
    all: impl Iterator<Item = (String, RawFd)>,
) -> String {
    let head = format!("{slot} {generation} {children} {}\n", u8::from(fresh));
    let link = std::iter::once((LINK.to_owned(), link));
    let lines = link.chain(all).map(|(name, fd)| format!("{fd} {name}\n"));
    head + &lines.collect::<String>()
}

impl Legacy {
    /// What the environment tells; `None`: nothing, this is a program of its own.
    pub fn find() -> Result<Option<Legacy>, String> {
        let Some(value) = std::env::var_os(VARIABLE) else {
            return Ok(None);
        };
        let numbers = value.to_str().and_then(|text| {
            let (parent, list) = text.split_once(':')?;
            Some((parent.parse::<i32>().ok()?, list.parse::<RawFd>().ok()?))
        });
        // Meant for a process between that one and this.
        let Some((_, list)) = numbers.filter(|(parent, _)| *parent == getppid().as_raw()) else {
            return Ok(None);
        };
        let gone = || format!("{VARIABLE} names a descriptor that is not open");
        if !inherited::receive(vec![(LIST.into(), list)]) {
            return Err(gone());
        }
        let list = inherited::take(LIST).ok_or_else(gone)?;
        Legacy::read(list).map(Some)
    }

    fn read(list: OwnedFd) -> Result<Legacy, String> {
        let mut text = String::new();
        let mut list = File::from(list);
        list.rewind()
            .and_then(|()| list.read_to_string(&mut text))
            .map_err(|why| format!("the list of what was handed on: {why}"))?;
        let wrong = || format!("the list of what was handed on cannot be read: {text}");
        let (head, rest) = text.split_once('\n').ok_or_else(wrong)?;
        let numbers: Vec<u32> = head.split(' ').filter_map(|w| w.parse().ok()).collect();
        let [slot, generation, children, fresh] = numbers[..] else {
            return Err(wrong());
        };
        let line = |line: &str| {
            let (fd, name) = line.split_once(' ')?;
            Some((name.to_owned(), fd.parse().ok()?))
        };
        let all: Option<Vec<_>> = rest.lines().map(line).collect();
        if !inherited::receive(all.ok_or_else(wrong)?) {
            return Err("something that was handed on is not open".into());
        }
        let link = inherited::take(LINK).ok_or_else(wrong)?;
        Ok(Legacy {
            link: Link::of(link).map_err(|why| format!("the line to the attendant: {why}"))?,
            slot: u16::try_from(slot).map_err(|_| wrong())?,
            generation,
            children,
            fresh: fresh != 0,
            foreign: None,
        })
    }

    /// Maps the segment of the program before, unless this program is to have one of its own.
    pub fn take_segment(&mut self) -> Result<(), String> {
        let segment = inherited::take(SEGMENT);
        if self.fresh {
            inherited::forget_bells();
            return Ok(());
        }
        let segment = segment.ok_or("no segment was handed on")?;
        if let Err(why) = ipc::Segment::take_over(segment) {
            self.foreign = Some(why.to_string());
            return Err(format!("the segment cannot be taken over: {why}"));
        }
        ipc::set_process_slot(self.slot);
        Ok(())
    }

    /// The number that the configuration of this program has.
    pub fn next_generation(&self) -> u32 {
        self.generation + 1
    }

    /// Tells the attendant in office that this program fails, and why.
    pub fn failed(mut self, why: &str) {
        let differs = || ipc::mismatch().map(|name| format!("{name} looks different"));
        let sent = match self.foreign.take().or_else(differs) {
            Some(foreign) => self.link.send(Verb::Foreign, &foreign),
            None => self.link.send(Verb::Failed, why),
        };
        if let Err(why) = sent {
            log::warn!("WARNING: cannot tell the attendant in office: {why}");
        }
    }
}
