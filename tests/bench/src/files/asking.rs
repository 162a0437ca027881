//! One thread that asks on many connections, as load generators do: whichever has its answer asks again.
use super::{File, PATIENCE};
use anyhow::{Result, ensure};
use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Room for an answer of the small blob, and its headers.
const ROOM: usize = 64 << 10;

/// A connection, and what is still to come on it.
struct Asking {
    stream: TcpStream,
    /// Bytes of the answer that have come so far.
    come: usize,
    /// How many it has, once its headers are known.
    whole: Option<usize>,
    buffer: Box<[u8]>,
}

/// Asks for `span`, one request after the other on each connection, and returns how many were answered.
pub(super) fn for_a_while(file: &File, connections: usize, span: Duration) -> Result<u32> {
    let request = format!("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", file.path).into_bytes();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut all = Vec::new();
    for number in 0..connections {
        let mut asking = Asking::connect(file)?;
        epoll.add(&asking.stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        asking.stream.write_all(&request)?;
        all.push(asking);
    }
    let mut ready = vec![EpollEvent::empty(); connections];
    let (began, mut answered) = (Instant::now(), 0);
    while began.elapsed() < span {
        let count = match epoll.wait(&mut ready, EpollTimeout::try_from(PATIENCE)?) {
            Err(Errno::EINTR) => continue,
            count => count?,
        };
        ensure!(count > 0, "no answer came for {PATIENCE:?}");
        for event in &ready[..count] {
            let asking = &mut all[usize::try_from(event.data())?];
            if asking.is_answered(file.size)? {
                answered += 1;
                asking.stream.write_all(&request)?;
            }
        }
    }
    Ok(answered)
}

impl Asking {
    fn connect(file: &File) -> Result<Self> {
        let stream = TcpStream::connect(file.address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, come: 0, whole: None, buffer: vec![0; ROOM].into() })
    }

    /// Reads what has come. True once a request, that is one for so many bytes, has its whole answer.
    fn is_answered(&mut self, size: usize) -> Result<bool> {
        let read = self.stream.read(&mut self.buffer[self.come..])?;
        ensure!(read > 0, "the server left");
        self.come += read;
        if self.whole.is_none()
            && let Some(end) = self.buffer[..self.come].windows(4).position(|bytes| bytes == b"\r\n\r\n")
        {
            let head = &self.buffer[..end];
            ensure!(
                head.starts_with(b"HTTP/1.1 200 "),
                "the server answered {}",
                String::from_utf8_lossy(head)
            );
            self.whole = Some(end + 4 + size);
        }
        let Some(whole) = self.whole.filter(|whole| *whole <= self.come) else { return Ok(false) };
        ensure!(whole == self.come, "more came than was asked for");
        (self.come, self.whole) = (0, None);
        Ok(true)
    }
}
