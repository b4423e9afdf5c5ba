//! Turns the text of an `.sql` file into the text that Postgres takes, when the crate is compiled.
//!
//! A file names its parameters as `:name`, Postgres numbers them as `$1`. A name that is no
//! parameter, or a parameter that the file does not use, is a compile error. Comments are for
//! readers of the file and are not sent.

/// Returns how many bytes [`numbered`] writes.
pub(crate) const fn length(file: &str, names: &[&str]) -> usize {
    write(file.as_bytes(), names, &mut [])
}

/// Returns the statement of a file without comments, and with `$n` in place of `:name`.
pub(crate) const fn numbered<const LENGTH: usize>(file: &str, names: &[&str]) -> [u8; LENGTH] {
    let mut out = [0; LENGTH];
    write(file.as_bytes(), names, &mut out);
    out
}

/// Returns the bytes of [`numbered`] as text.
#[expect(clippy::panic, reason = "evaluated by the compiler: it fails the build, never a function")]
pub(crate) const fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("an .sql file is not UTF-8"),
    }
}

/// Writes the statement to `out` as far as it has room, and returns how long the statement is.
const fn write(file: &[u8], names: &[&str], out: &mut [u8]) -> usize {
    let mut uses = 0_u64;
    let (mut at, mut to, mut quoted) = (0, 0, false);
    while at < file.len() {
        let next = if at + 1 < file.len() { file[at + 1] } else { 0 };
        if !quoted && file[at] == b'-' && next == b'-' {
            while at < file.len() && file[at] != b'\n' {
                at += 1;
            }
        } else if !quoted && file[at] == b':' && next == b':' {
            to = push(out, to, b':');
            to = push(out, to, b':');
            at += 2;
        } else if !quoted && file[at] == b':' && is_word(next) && !next.is_ascii_digit() {
            let end = end_of_word(file, at + 1);
            let place = place_of(file, at + 1, end, names);
            uses |= 1 << place;
            to = push(out, to, b'$');
            to = push_number(out, to, place + 1);
            at = end;
        } else {
            quoted ^= file[at] == b'\'';
            to = push(out, to, file[at]);
            at += 1;
        }
    }
    assert!(uses.count_ones() as usize == names.len(), "a parameter is not in the .sql file");
    to
}

const fn push(out: &mut [u8], to: usize, byte: u8) -> usize {
    if to < out.len() {
        out[to] = byte;
    }
    to + 1
}

const fn push_number(out: &mut [u8], to: usize, number: usize) -> usize {
    let tens = if number < 10 { to } else { push_number(out, to, number / 10) };
    push(out, tens, b"0123456789"[number % 10])
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn end_of_word(file: &[u8], from: usize) -> usize {
    let mut end = from;
    while end < file.len() && is_word(file[end]) {
        end += 1;
    }
    end
}

/// Returns the place of the parameter whose name the file has between `from` and `end`.
#[expect(clippy::panic, reason = "evaluated by the compiler: it fails the build, never a function")]
const fn place_of(file: &[u8], from: usize, end: usize, names: &[&str]) -> usize {
    let mut place = 0;
    while place < names.len() {
        let name = names[place].as_bytes();
        let mut same = 0;
        while same < name.len() && from + same < end && name[same] == file[from + same] {
            same += 1;
        }
        if same == name.len() && from + same == end {
            return place;
        }
        place += 1;
    }
    panic!("the .sql file has a :name that is no parameter")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(file: &str, names: &[&str]) -> String {
        let mut out = vec![0; length(file, names)];
        write(file.as_bytes(), names, &mut out);
        text(&out).to_owned()
    }

    #[test]
    fn names_become_numbers_in_the_order_in_which_they_are_declared() {
        assert_eq!(sent("select :b, :a, :b", &["a", "b"]), "select $2, $1, $2");
        let names = ["a", "a_b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        let all = "(:a, :a_b, :c, :d, :e, :f, :g, :h, :i, :j, :k)";
        assert_eq!(sent(all, &names), "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    }

    #[test]
    fn comments_are_not_sent_and_casts_slices_and_quoted_text_stay() {
        assert_eq!(sent("-- why: :no\nselect 1 -- :no", &[]), "\nselect 1 ");
        assert_eq!(sent("select :a::date, x[1:2]", &["a"]), "select $1::date, x[1:2]");
        assert_eq!(
            sent("where key = 'look:a -- b' and b = :a", &["a"]),
            "where key = 'look:a -- b' and b = $1"
        );
    }

    #[test]
    #[should_panic(expected = "no parameter")]
    fn a_name_that_is_no_parameter_is_refused() {
        sent("select :ab", &["a"]);
    }

    #[test]
    #[should_panic(expected = "not in the .sql file")]
    fn a_parameter_that_the_file_does_not_use_is_refused() {
        sent("select :a", &["a", "b"]);
    }
}
