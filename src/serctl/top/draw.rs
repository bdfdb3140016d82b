//! Draws a picture: title and totals, a table of the processes, a table of the sockets, the shared memory of each
//! module, and a line for keys or messages.

use super::picture::{Picture, Row, SocketRow, bytes, time};
use super::state::{KEYS, State};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row as TableRow, Table};

/// From here on a bar is yellow, and red.
const HIGH: f64 = 0.7;
const FULL: f64 = 0.9;

/// Draws it into the whole frame.
pub fn draw(frame: &mut Frame<'_>, picture: &Picture, state: &State) {
    let width = frame.area().width;
    let of_server = totals_lines(picture, width);
    let of_modules = memory_lines(picture, width);
    let [title, totals, processes, sockets, memory_head, memory, last] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(of_server.len() as u16 + 1),
        Constraint::Min(3),
        Constraint::Length(picture.sockets.len() as u16 + 2),
        Constraint::Length(1),
        Constraint::Length(of_modules.len() as u16),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let head = Line::styled(picture.title.as_str(), Modifier::BOLD);
    frame.render_widget(head, title);
    let order = format!("by {}", state.sort.name());
    frame.render_widget(Line::raw(order).right_aligned(), title);
    frame.render_widget(Paragraph::new(of_server), totals);
    draw_processes(frame, processes, picture, state);
    draw_sockets(frame, sockets, picture, state);
    let text = format!("{:<1$}", "shared memory", usize::from(width));
    frame.render_widget(Line::styled(text, Modifier::REVERSED), memory_head);
    frame.render_widget(Paragraph::new(of_modules), memory);
    let text = state.message.as_deref().unwrap_or(KEYS);
    frame.render_widget(Line::styled(text, Modifier::DIM), last);
}

/// How many lines a picture needs so that nothing is cut off.
pub fn height(picture: &Picture, width: u16) -> u16 {
    let rows = picture.rows.len() + picture.sockets.len();
    let texts = totals_lines(picture, width).len() + memory_lines(picture, width).len();
    // Title, three heads, a line between the parts, the keys.
    (rows + texts) as u16 + 8
}

/// Name and value behind one another, as many to a line as fit.
fn flow<'t>(all: impl Iterator<Item = (&'t str, String)>, width: u16) -> Vec<Line<'t>> {
    let mut lines = vec![Line::default()];
    for (name, value) in all {
        let one = Line::from(vec![
            Span::styled(name, Modifier::DIM),
            Span::raw(" "),
            Span::styled(value, Modifier::BOLD),
            Span::raw("   "),
        ]);
        let used = lines.last().map_or(0, Line::width);
        if used > 0 && used + one.width() > usize::from(width) {
            lines.push(Line::default());
        }
        if let Some(line) = lines.last_mut() {
            line.spans.extend(one.spans);
        }
    }
    lines
}

fn totals_lines(picture: &Picture, width: u16) -> Vec<Line<'_>> {
    let totals = picture.totals.iter();
    flow(totals.map(|(name, value)| (*name, value.clone())), width)
}

fn memory_lines(picture: &Picture, width: u16) -> Vec<Line<'_>> {
    let modules = picture.memory.iter();
    flow(
        modules.map(|(name, used)| (name.as_str(), bytes(*used))),
        width,
    )
}

/// A column: its heading, and how wide it is. Numbers stand at the right side.
type Column = (&'static str, u16);

fn table<'t>(columns: &[Column], rows: impl Iterator<Item = Vec<Line<'t>>>) -> Table<'t> {
    let widths = columns.iter().map(|(_, width)| match width {
        0 => Constraint::Min(0),
        width => Constraint::Length(*width),
    });
    let widths: Vec<Constraint> = widths.collect();
    let names = columns.iter().map(|(name, _)| *name);
    let rows = rows.map(TableRow::new);
    Table::new(rows, widths).header(TableRow::new(names).style(Modifier::REVERSED))
}

fn right<'t>(text: String) -> Line<'t> {
    Line::from(text).right_aligned()
}

fn draw_processes(frame: &mut Frame<'_>, area: Rect, picture: &Picture, state: &State) {
    let cells = bar_cells(area.width);
    let longest = picture.rows.iter().map(|row| row.desc.len()).max();
    let columns = [
        ("slot", 4),
        ("busy", cells as u16 + 5),
        ("  msg/s", 7),
        ("   p50", 6),
        ("   p99", 6),
        ("blocked", 7),
        ("died", 4),
        ("    pid", 7),
        ("process", longest.unwrap_or(0) as u16),
        ("doing", 0),
    ];
    let rows = picture.sorted(state.sort).into_iter().skip(state.first);
    frame.render_widget(
        table(&columns, rows.map(|row| process_row(row, cells))),
        area,
    );
}

fn process_row(row: &Row, cells: usize) -> Vec<Line<'_>> {
    let quantile = |us: Option<f64>| right(us.map_or("-".into(), time));
    let or_none = |text: String| right(if row.receives { text } else { "-".into() });
    vec![
        right(row.slot.to_string()),
        if row.receives {
            bar(row.busy, cells)
        } else {
            Line::default()
        },
        or_none(format!("{:.1}", row.rate)),
        quantile(row.p50),
        quantile(row.p99),
        or_none(percent(row.blocked)),
        right(row.restarts.to_string()),
        right(row.pid.to_string()),
        Line::from(row.desc.as_str()),
        Line::from(row.doing.as_str()),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// In a narrow terminal other things are worth more.
fn bar_cells(width: u16) -> usize {
    if width < 110 { 4 } else { 10 }
}

/// `||||||      60%`
fn bar<'t>(share: f64, cells: usize) -> Line<'t> {
    let filled = (share * cells as f64).round() as usize;
    let color = match share {
        FULL.. => Color::Red,
        HIGH.. => Color::Yellow,
        _ => Color::Green,
    };
    let bar = format!("{:<cells$}", "|".repeat(filled.min(cells)));
    Line::from(vec![
        Span::styled(bar, color),
        Span::raw(format!(" {:>4}", percent(share))),
    ])
}

fn draw_sockets(frame: &mut Frame<'_>, area: Rect, picture: &Picture, state: &State) {
    let cells = bar_cells(area.width);
    let longest = picture.sockets.iter().map(|row| row.name.len()).max();
    let columns = [
        ("", 1),
        ("socket", longest.unwrap_or(0).max(6) as u16),
        ("children", 8),
        ("queue", cells as u16 + 5),
        ("             bytes", 18),
        ("drops/s", 7),
        ("drops", 5),
        ("", 0),
    ];
    let rows = picture.sockets.iter().enumerate();
    let rows = rows.map(|(i, row)| socket_row(row, i == state.socket, cells));
    frame.render_widget(table(&columns, rows), area);
}

fn socket_row(row: &SocketRow, chosen: bool, cells: usize) -> Vec<Line<'_>> {
    let full = match row.limit {
        ..=0 => 0.0,
        limit => (row.queue as f64 / limit as f64).clamp(0.0, 1.0),
    };
    vec![
        Line::from(if chosen { ">" } else { "" }),
        Line::from(row.name.as_str()),
        right(row.children.map_or("-".into(), |n| n.to_string())),
        bar(full, cells),
        right(format!("{} of {}", bytes(row.queue), bytes(row.limit))),
        right(format!("{:.1}", row.drop_rate)),
        right(row.drops.to_string()),
    ]
}
