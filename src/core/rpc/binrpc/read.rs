//! Reading packets. Invariant: nothing outside of the body is looked at, whatever the lengths say.

use super::{ARRAY, BYTES, DOUBLE, Error, INT, Kind, MAGIC, NAME, STRING, STRUCT};

/// The header of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the packet is.
    pub kind: Kind,
    /// Length of the body in bytes.
    pub len: usize,
    /// Echoed in the reply.
    pub cookie: u32,
    /// Length of the header in bytes.
    pub header_len: usize,
}

/// Reads the header at the start of `buf`; [`Error::MoreData`] when it is not there whole.
pub fn read_header(buf: &[u8]) -> Result<Header, Error> {
    let &[magic, sizes, ..] = buf else {
        return Err(Error::MoreData);
    };
    let kind = match sizes >> 4 {
        0 => Kind::Request,
        1 => Kind::Reply,
        3 => Kind::Fault,
        _ => return Err(Error::BadPacket),
    };
    if magic != MAGIC {
        return Err(Error::BadPacket);
    }
    let (length_bytes, cookie_bytes) =
        (usize::from(sizes >> 2 & 3) + 1, usize::from(sizes & 3) + 1);
    let header_len = 2 + length_bytes + cookie_bytes;
    let header = buf.get(2..header_len).ok_or(Error::MoreData)?;
    let (length, cookie) = header.split_at(length_bytes);
    Ok(Header {
        kind,
        len: number(length) as usize,
        cookie: number(cookie) as u32,
        header_len,
    })
}

/// Big-endian.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// One record of a body.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Record<'a> {
    Int(i64),
    /// Without its NUL.
    Str(&'a [u8]),
    Double(f64),
    StructStart,
    StructEnd,
    ArrayStart,
    ArrayEnd,
    /// Name of the member of a struct; its value follows.
    Name(&'a [u8]),
    Bytes(&'a [u8]),
}

/// Walks the records of a body.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the first record.
    pub fn new(body: &'a [u8]) -> Reader<'a> {
        Reader { rest: body }
    }

    /// Whether there is none left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next record; at an error the place is kept.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Record<'a>, Error> {
        let (&first, rest) = self.rest.split_first().ok_or(Error::EndOfPacket)?;
        let (kind, size, long) = (first & 0xf, usize::from(first >> 4 & 7), first & 0x80 != 0);
        if long && size == 0 {
            self.rest = rest;
            return match kind {
                STRUCT => Ok(Record::StructEnd),
                ARRAY => Ok(Record::ArrayEnd),
                _ => Err(Error::BadRecord),
            };
        }
        let (len, rest) = if long {
            let (bytes, rest) = rest.split_at_checked(size).ok_or(Error::MoreData)?;
            (
                usize::try_from(number(bytes)).map_err(|_| Error::BadRecord)?,
                rest,
            )
        } else {
            (size, rest)
        };
        let (value, rest) = rest.split_at_checked(len).ok_or(Error::MoreData)?;
        let record = match kind {
            INT => Record::Int(integer(value)?),
            STRING => Record::Str(text(value)?),
            DOUBLE => Record::Double(integer(value)? as f64 / 1000.0),
            STRUCT => Record::StructStart,
            ARRAY => Record::ArrayStart,
            NAME => Record::Name(text(value)?),
            BYTES => Record::Bytes(value),
            _ => return Err(Error::BadRecord),
        };
        self.rest = rest;
        Ok(record)
    }
}

/// Four bytes are in two's complement, fewer are not negative.
fn integer(value: &[u8]) -> Result<i64, Error> {
    match value.len() {
        0..4 => Ok(number(value) as i64),
        4 => Ok((number(value) as u32).cast_signed().into()),
        _ => Err(Error::BadRecord),
    }
}

/// The NUL is counted and left out.
fn text(value: &[u8]) -> Result<&[u8], Error> {
    match value.split_last() {
        Some((0, text)) => Ok(text),
        _ => Err(Error::BadRecord),
    }
}
