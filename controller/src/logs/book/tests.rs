//! What a book of lines keeps, and what it lets go.
use super::*;
use proptest::prelude::*;

fn key(name: &str) -> SourceKey {
    SourceKey { namespace: "apps".into(), name: name.into() }
}

fn line(text: impl fmt::Display) -> Line {
    Line::new(Timestamp::UNIX_EPOCH, text)
}

fn texts(book: &Book, name: &str) -> Vec<String> {
    book.lines(&key(name)).iter().map(|line| line.text.to_string()).collect()
}

/// What is really allocated, but for the map.
fn taken(book: &Book) -> usize {
    book.pages.iter().map(|(source, page)| entry(source) + page.bytes.capacity()).sum()
}

#[test]
fn a_line_is_one_line_and_not_too_long() {
    assert_eq!(&*line("a\r\nb\u{1b}[0m").text, "a  b [0m");
    let long = line("é".repeat(LONGEST)).text;
    assert!(long.len() <= LONGEST && long.len() > LONGEST - 4 && long.ends_with('…'), "{}", long.len());
}

#[test]
fn a_line_begins_with_its_time_where_that_is_wanted() {
    let line = Line::new(Timestamp::from_microsecond(1_500_000).unwrap(), "a");
    assert_eq!(line.shown(true).to_string(), "1970-01-01T00:00:01.500000Z a\n");
    assert_eq!(line.shown(false).to_string(), "a\n");
}

#[test]
fn of_a_source_the_last_four_kibibytes_are_kept() {
    let mut book = Book::default();
    for number in 0..1_000 {
        book.write(&key("a"), &line(format_args!("{number:0>90}")));
    }
    let kept = texts(&book, "a");
    let expected: Vec<_> = (1_000 - PAGE / 100..1_000).map(|number| format!("{number:0>90}")).collect();
    assert_eq!(kept, expected);
    assert!(book.pages[&key("a")].bytes.capacity() <= PAGE);
}

#[test]
fn of_all_sources_the_one_that_was_silent_for_longest_goes_first() {
    let mut book = Book::default();
    let write =
        |book: &mut Book, name: &str| (0..10).for_each(|_| book.write(&key(name), &line("x".repeat(400))));
    write(&mut book, "quiet");
    write(&mut book, "loud");
    for number in 0..200 {
        write(&mut book, &format!("other-{number}"));
        book.write(&key("loud"), &line("again"));
    }
    assert_eq!((texts(&book, "quiet").len(), texts(&book, "other-0").len()), (0, 0));
    assert!(!texts(&book, "loud").is_empty() && !texts(&book, "other-199").is_empty());
    assert!(book.size <= ALL && book.size > ALL - ROOM - 2 * PAGE, "{}", book.size);
}

#[test]
fn what_is_forgotten_takes_nothing() {
    let mut book = Book::default();
    book.write(&key("a"), &line("x"));
    book.forget(&key("a"));
    assert_eq!((texts(&book, "a").len(), book.size, book.pages.len()), (0, 0, 0));
}

proptest! {
    /// Whatever is written and forgotten, what is kept of a source are its last lines, and the bounds hold at each step.
    #[test]
    fn any_lines_are_kept_within_bounds(
        steps in proptest::collection::vec((any::<u8>(), 0usize..400, 0usize..9), 1..400),
    ) {
        let (mut book, mut all) = (Book::default(), BTreeMap::<SourceKey, Vec<Line>>::new());
        for (number, (source, length, lines)) in steps.into_iter().enumerate() {
            let source = key(&format!("source-{source}"));
            if lines == 0 {
                book.forget(&source);
                all.remove(&source);
                continue;
            }
            let written = all.entry(source.clone()).or_default();
            for line in (0..lines).map(|of| line(format_args!("{number}.{of} {}", "é".repeat(length)))) {
                book.write(&source, &line);
                written.push(line);
            }
            let kept = book.lines(&source);
            prop_assert!(!kept.is_empty() && written.ends_with(&kept));
            prop_assert!(book.size == taken(&book) && book.size <= ALL);
            prop_assert!(book.pages.values().all(|page| page.bytes.capacity() <= PAGE));
        }
    }
}
