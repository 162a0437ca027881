//! The records of a PAX header: `<length> <key>=<value>\n`, where the length counts the whole record.
use super::UnpackError;

const DAMAGED: UnpackError = UnpackError::Damaged("it has a PAX record that is none");

/// What an entry's records say that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// The entry's name.
    pub(crate) path: Option<Vec<u8>>,
    /// The entry's size.
    pub(crate) size: Option<u64>,
}

impl Records {
    /// Reads records. Keys that change where data lies are refused: readers disagree on them, and what one program sees
    /// must be what all see.
    pub(crate) fn parse(mut bytes: &[u8]) -> Result<Self, UnpackError> {
        let mut records = Self::default();
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes).ok_or(DAMAGED)?;
            match key {
                b"path" => records.path = Some(value.to_vec()),
                b"size" => records.size = Some(number(value).ok_or(DAMAGED)?),
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(UnpackError::Damaged("it has a sparse file, which is not supported"));
                }
                _ => {}
            }
            bytes = rest;
        }
        Ok(records)
    }
}

/// The key and value of the first record, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(&bytes[..space])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

/// Digits, and nothing else: no sign, no space.
fn number(digits: &[u8]) -> Option<u64> {
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits).ok().filter(|_| is_plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_by_their_length_and_not_by_lines() {
        let records = Records::parse(b"12 path=a\nb\n22 comment=one\npath=x\n15 size=000042\n").unwrap();
        assert_eq!(records, Records { path: Some(b"a\nb".to_vec()), size: Some(42) });
        assert_eq!(Records::parse(b"").unwrap(), Records::default());
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for bad in [
            &b"11 path=a\n"[..],
            b"8 path=a\n",
            b"9 path=ab",
            b" path=a\n",
            b"path=a\n",
            b"+9 path=a\n",
            b"0 ",
            b"7 patha\n",
            b"99999999999999999999999 path=a\n",
            b"18446744073709551615 path=a\n",
            b"9 size=-1\n",
            b"9 path=a\n\0\0",
            b"25 GNU.sparse.realsize=9\n",
        ] {
            assert!(Records::parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
