//! The next hop of a message: where its URI or Via leads.

use crate::core::dns::{self, Destination, Destinations, Query};
use crate::core::msg::SerError;
use crate::core::net::Proto;
use crate::core::sip::Uri;

/// Where the request whose next hop is `uri` goes; waits for its name. `proto` and `port`: instead of
/// those of the URI.
pub(super) fn of_request(
    uri: &[u8],
    port: Option<u16>,
    proto: Option<Proto>,
) -> Result<Destinations, SerError> {
    let uri = Uri::parse(uri).map_err(|_| SerError::BAD_URI)?;
    let query = match proto {
        Some(proto) => Query::new(uri.host, uri.port_no, proto),
        None => Query::of_uri(&uri)?,
    };
    let port = port.unwrap_or(query.port);
    all(Query { port, ..query })
}

/// All destinations; waits for a name.
fn all(query: Query<'_>) -> Result<Destinations, SerError> {
    dns::resolve_blocking(query).map_err(|why| {
        let host = String::from_utf8_lossy(query.host);
        log::info!("could not resolve {host}: {why}");
        why.into()
    })
}

/// The first destination; waits for a name.
pub(super) fn first(query: Query<'_>) -> Result<Destination, SerError> {
    if let Some(literal) = query.literal() {
        return Ok(literal);
    }
    all(query)?.next().ok_or(SerError::BAD_ADDRESS)
}
