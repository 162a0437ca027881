//! The frames of an HTTP/2 connection, seen from outside: how much of what a client sends is neither a request nor its body.
//!
//! Only the nine bytes in front of each frame are looked at. Whatever they say, h2 reads the frames and judges them.

/// What a client of HTTP/2 says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// Bytes of headers that belong to a request without a doubt: kube-apiserver's longest list of groups, say.
const USUAL_HEADERS: usize = 64 << 10;

/// Follows the frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    at: At,
    /// Of the request whose headers came last.
    headers: usize,
}

#[derive(Debug)]
enum At {
    /// So many bytes into the preface.
    Preface(usize),
    /// So many bytes into the head of a frame.
    Head([u8; HEAD], usize),
    /// So many bytes before the end of a frame.
    Payload(usize),
    /// This is HTTP/1.1, which has nothing beside requests.
    NoFrames,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { at: At::Preface(0), headers: 0 }
    }

    /// Goes on with what has arrived. How many bytes the frames have that begin there and only keep the server busy: pings,
    /// settings, resets, windows, empty data, and headers without end.
    pub(super) fn overhead(&mut self, mut bytes: &[u8]) -> usize {
        let mut overhead = 0;
        while !bytes.is_empty() {
            bytes = match self.at {
                At::NoFrames => return overhead,
                At::Preface(seen) => self.preface(seen, bytes),
                At::Payload(left) => {
                    let (_, rest) = bytes.split_at(left.min(bytes.len()));
                    let left = left - (bytes.len() - rest.len());
                    self.at = if left == 0 { At::Head([0; HEAD], 0) } else { At::Payload(left) };
                    rest
                }
                At::Head(mut head, seen) => {
                    let (more, rest) = bytes.split_at((HEAD - seen).min(bytes.len()));
                    let seen_now = seen + more.len();
                    head[seen..seen_now].copy_from_slice(more);
                    self.at = At::Head(head, seen_now);
                    if seen_now == HEAD {
                        overhead += self.begin(head);
                    }
                    rest
                }
            }
        }
        overhead
    }

    fn preface<'a>(&mut self, seen: usize, bytes: &'a [u8]) -> &'a [u8] {
        let (more, rest) = bytes.split_at((PREFACE.len() - seen).min(bytes.len()));
        let seen_now = seen + more.len();
        self.at = match PREFACE[seen..seen_now] == *more {
            false => At::NoFrames,
            true if seen_now == PREFACE.len() => At::Head([0; HEAD], 0),
            true => At::Preface(seen_now),
        };
        rest
    }

    /// A frame begins: how much of it is overhead.
    fn begin(&mut self, head: [u8; HEAD]) -> usize {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        self.at = if length == 0 { At::Head([0; HEAD], 0) } else { At::Payload(length) };
        let size = HEAD + length;
        match head[3] {
            HEADERS => {
                self.headers = size;
                0
            }
            CONTINUATION => {
                self.headers += size;
                if length == 0 || self.headers > USUAL_HEADERS { size } else { 0 }
            }
            DATA if length > 0 => 0,
            _ => size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let size = u32::try_from(length).expect("a frame").to_be_bytes();
        [&size[1..], &[kind, 0, 0, 0, 0, 1], &vec![0; length]].concat()
    }

    fn opened() -> Frames {
        let mut frames = Frames::new();
        assert_eq!(frames.overhead(PREFACE), 0);
        frames
    }

    #[test]
    fn requests_and_their_bodies_are_no_overhead() {
        let request = [frame(HEADERS, 100), frame(CONTINUATION, 1_000), frame(DATA, 16_384)].concat();
        assert_eq!(opened().overhead(&request.repeat(100)), 0);
    }

    #[test]
    fn pings_empty_data_and_headers_without_end_are() {
        assert_eq!(opened().overhead(&frame(PING, 8).repeat(10)), 170);
        assert_eq!(opened().overhead(&frame(DATA, 0).repeat(10)), 90);
        let endless = [frame(HEADERS, 10), frame(CONTINUATION, 16_000).repeat(10)].concat();
        assert_eq!(opened().overhead(&endless), 6 * (HEAD + 16_000));
    }

    #[test]
    fn it_does_not_matter_in_which_pieces_frames_arrive() {
        let sent = [PREFACE, &frame(HEADERS, 30), &frame(PING, 8), &frame(DATA, 7), &frame(PING, 8)].concat();
        for size in 1..sent.len() {
            let mut frames = Frames::new();
            let overhead: usize = sent.chunks(size).map(|piece| frames.overhead(piece)).sum();
            assert_eq!(overhead, 34, "in pieces of {size}");
        }
    }

    #[test]
    fn a_connection_without_the_preface_has_no_frames() {
        assert_eq!(Frames::new().overhead(&[b"GET / HTTP/1.1\r\n\r\n", &*frame(PING, 8)].concat()), 0);
    }
}
