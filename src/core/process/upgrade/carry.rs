//! What passes from one program to the next when they do not see the same in shared memory: what modules write down,
//! each in a form that later versions can read.
//!
//! A module registers two functions under a name, which should tell the version of the form (`usrloc 1`). The file is a
//! line with name and length for each, then the bytes.

use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, Write};

/// Appends what is to be carried over.
pub type Export = fn(out: &mut Vec<u8>);
/// Takes what another program has appended; in the attendant, before the first fork. The error says what is lost.
pub type Import = fn(bytes: &[u8]) -> Result<(), String>;
/// Appends the keys ([`super::key_of`]) of what only this program can bring to an end.
pub type Unfinished = fn(keys: &mut Vec<u64>);

struct Carried {
    name: &'static str,
    export: Export,
    import: Import,
}

static CARRIED: Mutex<Vec<Carried>> = Mutex::new(Vec::new());
static UNFINISHED: Mutex<Vec<Unfinished>> = Mutex::new(Vec::new());

/// The name of the keys in the file.
const KEYS: &str = "unfinished";

/// What `export` writes down in this program, `import` takes in the next one. From a module's `init`.
pub fn carry_over(name: &'static str, export: Export, import: Import) {
    CARRIED.lock().push(Carried {
        name,
        export,
        import,
    });
}

/// Messages that belong to what `unfinished` tells stay with this program after another has taken over, until there is
/// nothing left. From a module's `init`.
pub fn finish_first(unfinished: Unfinished) {
    UNFINISHED.lock().push(unfinished);
}

/// The keys of all that is unfinished, sorted.
pub(super) fn unfinished() -> Vec<u64> {
    let mut keys = Vec::new();
    for unfinished in UNFINISHED.lock().iter() {
        unfinished(&mut keys);
    }
    keys.sort_unstable();
    keys
}

/// Writes everything down.
pub(super) fn write(file: &File) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    let mut put = |name: &str, bytes: &[u8]| {
        writeln!(out, "{} {name}", bytes.len())?;
        out.write_all(bytes)
    };
    for carried in CARRIED.lock().iter() {
        let mut bytes = Vec::new();
        (carried.export)(&mut bytes);
        put(carried.name, &bytes)?;
    }
    let keys: Vec<u8> = unfinished()
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .collect();
    put(KEYS, &keys)?;
    out.flush()
}

/// Reads what [`write`] wrote, and gives each part to who knows it; the keys. What nobody knows is told.
pub(super) fn read(mut file: File) -> io::Result<Vec<u64>> {
    file.rewind()?;
    let mut file = BufReader::new(file);
    let mut keys = Vec::new();
    let (mut line, mut bytes) = (String::new(), Vec::new());
    loop {
        line.clear();
        if file.read_line(&mut line)? == 0 {
            return Ok(keys);
        }
        let head = line.trim_end().split_once(' ');
        let length = head.and_then(|(length, _)| length.parse::<u64>().ok());
        let (Some(length), Some((_, name))) = (length, head) else {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "not what was carried over",
            ));
        };
        bytes.clear();
        (&mut file).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if name == KEYS {
            let (words, _) = bytes.as_chunks::<8>();
            keys.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
        } else {
            import(name, &bytes);
        }
    }
}

fn import(name: &str, bytes: &[u8]) {
    let carried = CARRIED.lock();
    let Some(known) = carried.iter().find(|c| c.name == name) else {
        log::warn!("WARNING: {name} of the program before is lost: nothing here knows it");
        return;
    };
    if let Err(why) = (known.import)(bytes) {
        log::error!("ERROR: {name} of the program before: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static GOT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    #[test]
    fn what_is_written_down_is_read_by_its_name() {
        let import = |bytes: &[u8]| {
            GOT.lock().extend_from_slice(bytes);
            Ok(())
        };
        carry_over("carry test 1", |out| out.extend(b"a\nb 3 c"), import);
        finish_first(|keys| keys.extend([7, 3]));
        let file = tempfile::tempfile().unwrap();
        write(&file).unwrap();
        assert_eq!(read(file.try_clone().unwrap()).unwrap(), [3, 7]);
        assert_eq!(*GOT.lock(), b"a\nb 3 c");
        let short = tempfile::tempfile().unwrap();
        (&short).write_all(b"10 carry test 1\nabc").unwrap();
        assert!(read(short).is_err());
    }
}
