//! Which format a client wants: the `Accept` header field (RFC 9110 §12.5.1).

/// How the page is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Prometheus's text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Its content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// OpenMetrics if it is asked for by name and no other is liked better; else the text format, which everybody takes.
pub fn wanted(accept: Option<&[u8]>) -> Format {
    let Some(Ok(accept)) = accept.map(std::str::from_utf8) else {
        return Format::Text;
    };
    let (mut open, mut text) = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or("").to_ascii_lowercase();
        let weight = weight(parts);
        match name.as_str() {
            "application/openmetrics-text" => open = open.max(weight),
            "text/plain" | "text/*" => text = text.max(weight),
            _ => {}
        }
    }
    match open > 0 && open >= text {
        true => Format::OpenMetrics,
        false => Format::Text,
    }
}

/// The `q` among the parameters, in thousandths; 1 without one, 0 for one that is none.
fn weight<'p>(parts: impl Iterator<Item = &'p str>) -> u32 {
    let mut pairs = parts.filter_map(|part| part.split_once('='));
    let q = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    q.map_or(1000, |(_, value)| match value.trim().parse::<f64>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0) as u32,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_sent_to_those_who_ask_for_it_and_like_it_best() {
        let of = |text: &str| wanted(Some(text.as_bytes()));
        assert_eq!(wanted(None), Format::Text);
        for text in [
            "",
            "*/*",
            "text/plain",
            "application/json",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.4,text/plain;q=0.5",
            "application/openmetrics-text;q=x",
            "\u{fffd};;=,",
        ] {
            assert_eq!(of(text), Format::Text, "{text}");
        }
        for text in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; version=1.0.0; Q=0.1, */*;q=0.9",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        ] {
            assert_eq!(of(text), Format::OpenMetrics, "{text}");
        }
        assert_eq!(wanted(Some(b"\xff")), Format::Text);
    }
}
