//! Values as text: Prometheus's exposition format 0.0.4, and OpenMetrics 1.0, which names counters' families without
//! `_total`, writes bounds with a point, tells units, and ends with a line that says so.

use crate::accept::Format;
use ser::core::stats::metrics::{BOUNDS, Family, Kind, Times, Value};
use std::fmt::Write;

/// The bounds of histograms as the format's own libraries write them.
const BOUND_TEXTS: [&str; BOUNDS.len()] = [
    "1e-05", "2e-05", "5e-05", "0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01",
    "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10",
];
/// Units that a name may end in.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// Writes lines into a buffer, which is to be emptied from time to time.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    out: String,
}

impl Writer {
    /// Nothing is written yet.
    pub fn new(format: Format) -> Writer {
        Writer {
            format,
            out: String::new(),
        }
    }

    /// What was written since the last [`Writer::clear`].
    pub fn written(&self) -> &[u8] {
        self.out.as_bytes()
    }

    /// It was taken.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// The lines that stand before the values of a family.
    pub fn begin(&mut self, family: &Family) {
        let name = match self.format {
            Format::Text => family.full_name(),
            Format::OpenMetrics => family.name.to_owned(),
        };
        self.line(format_args!("# TYPE {name} {}\n", family.kind.name()));
        if self.format == Format::OpenMetrics
            && let Some(unit) = unit(family.name)
        {
            self.line(format_args!("# UNIT {name} {unit}\n"));
        }
        self.line(format_args!("# HELP {name} "));
        self.escaped(family.help, self.format == Format::OpenMetrics);
        self.out.push('\n');
    }

    /// One value.
    pub fn sample(&mut self, family: &Family, labels: &[&str], value: &Value) {
        let suffix = match family.kind {
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram => "",
        };
        match value {
            Value::Int(n) => self.value(family, suffix, labels, None, format_args!("{n}")),
            Value::Float(n) => self.value(family, suffix, labels, None, format_args!("{n}")),
            Value::Times(times) => self.times(family, labels, times),
        }
    }

    fn times(&mut self, family: &Family, labels: &[&str], times: &Times) {
        for (bound, n) in BOUND_TEXTS.iter().zip(&times.at_most) {
            // A point makes it a number with a fraction for OpenMetrics.
            let whole = !bound.contains(['.', 'e']);
            let point = match whole && self.format == Format::OpenMetrics {
                true => ".0",
                false => "",
            };
            let bound = (*bound, point);
            self.value(family, "_bucket", labels, Some(bound), format_args!("{n}"));
        }
        let (count, sum) = (times.count, times.sum);
        let all = Some(("+Inf", ""));
        self.value(family, "_bucket", labels, all, format_args!("{count}"));
        self.value(family, "_sum", labels, None, format_args!("{sum}"));
        self.value(family, "_count", labels, None, format_args!("{count}"));
    }

    fn value(
        &mut self,
        family: &Family,
        suffix: &str,
        labels: &[&str],
        bound: Option<(&str, &str)>,
        value: std::fmt::Arguments<'_>,
    ) {
        self.line(format_args!("{}{suffix}", family.name));
        let mut between = '{';
        for (name, label) in family.labels.iter().zip(labels) {
            self.line(format_args!("{between}{name}=\""));
            self.escaped(label, true);
            self.out.push('"');
            between = ',';
        }
        if let Some((bound, point)) = bound {
            self.line(format_args!("{between}le=\"{bound}{point}\""));
            between = ',';
        }
        let end = if between == '{' { "" } else { "}" };
        self.line(format_args!("{end} {value}\n"));
    }

    /// The end of the page.
    pub fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let written = self.out.write_fmt(text);
        debug_assert!(written.is_ok(), "a string takes everything");
    }

    fn escaped(&mut self, text: &str, quotes: bool) {
        for c in text.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '"' if quotes => self.out.push_str("\\\""),
                c => self.out.push(c),
            }
        }
    }
}

/// The unit that a name ends in.
fn unit(name: &str) -> Option<&'static str> {
    let ends = |unit: &&&str| name.strip_suffix(**unit).is_some_and(|n| n.ends_with('_'));
    UNITS.iter().find(ends).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ser::core::stats::metrics::Samples;

    const fn family(kind: Kind, name: &'static str, labels: &'static [&'static str]) -> Family {
        fn nothing(_: &mut Samples<'_>) {}
        Family {
            name,
            kind,
            labels,
            help: "A \"test\" \\ of it.",
            sample: nothing,
        }
    }

    fn written(format: Format, family: &Family, labels: &[&str], value: &Value) -> String {
        let mut writer = Writer::new(format);
        writer.begin(family);
        writer.sample(family, labels, value);
        writer.end();
        String::from_utf8_lossy(writer.written()).into_owned()
    }

    #[test]
    fn a_counter_ends_in_total_and_labels_are_escaped() {
        let family = family(Kind::Counter, "ser_x_bytes", &["a", "b"]);
        let labels = ["1", "\"\\\n"];
        assert_eq!(
            written(Format::Text, &family, &labels, &Value::Int(-7)),
            "# TYPE ser_x_bytes_total counter\n# HELP ser_x_bytes_total A \"test\" \\\\ of it.\n\
             ser_x_bytes_total{a=\"1\",b=\"\\\"\\\\\\n\"} -7\n"
        );
        assert_eq!(
            written(Format::OpenMetrics, &family, &labels, &Value::Float(0.5)),
            "# TYPE ser_x_bytes counter\n# UNIT ser_x_bytes bytes\n\
             # HELP ser_x_bytes A \\\"test\\\" \\\\ of it.\n\
             ser_x_bytes_total{a=\"1\",b=\"\\\"\\\\\\n\"} 0.5\n# EOF\n"
        );
    }

    #[test]
    fn a_histogram_has_buckets_a_sum_and_a_count() {
        let family = family(Kind::Histogram, "ser_y", &[]);
        let mut times = Times {
            count: 3,
            sum: 12.5,
            ..Times::default()
        };
        times.at_most[15..].fill(2);
        let text = written(Format::Text, &family, &[], &Value::Times(times.clone()));
        assert!(text.contains("\nser_y_bucket{le=\"1e-05\"} 0\n"), "{text}");
        assert!(text.contains("\nser_y_bucket{le=\"1\"} 2\n"), "{text}");
        let end = "ser_y_bucket{le=\"+Inf\"} 3\nser_y_sum 12.5\nser_y_count 3\n";
        assert!(text.ends_with(end), "{text}");
        let text = written(Format::OpenMetrics, &family, &[], &Value::Times(times));
        assert!(text.contains("\nser_y_bucket{le=\"10.0\"} 2\n"), "{text}");
    }

    #[test]
    fn the_texts_of_the_bounds_are_their_numbers() {
        let numbers = BOUND_TEXTS.map(|text| text.parse::<f64>().unwrap());
        assert_eq!(numbers, BOUNDS);
    }
}
