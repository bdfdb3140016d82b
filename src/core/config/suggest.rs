//! "Did you mean": the known name nearest to a misspelt one.

/// The candidate with the smallest edit distance, if it is near enough to be meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (word.len() / 3).clamp(1, 3);
    let near = |candidate: &&str| candidate.len().abs_diff(word.len()) <= limit;
    candidates
        .into_iter()
        .filter(near)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, left out, changed or exchanged with their neighbour (optimal string
/// alignment); letters are compared without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (
        a.to_ascii_lowercase().into_bytes(),
        b.to_ascii_lowercase().into_bytes(),
    );
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(row[j - 1] + 1).min(last[j] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(
            nearest("chidren", ["debug", "children", "fork"]),
            Some("children")
        );
        assert_eq!(
            nearest("sl_send_replay", ["sl_send_reply", "t_reply"]),
            Some("sl_send_reply")
        );
        assert_eq!(nearest("form", ["from", "to"]), Some("from"));
        assert_eq!(nearest("quux", ["debug", "children"]), None);
    }
}
