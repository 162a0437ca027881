//! As little as a server can do for a request: one read, and one write of an answer that is ready.
use crate::data;
use anyhow::Result;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Marks the listener among the sockets; connections are numbered from 0.
const LISTENER: u64 = u64::MAX;

/// Serves one body of that size to whoever asks for anything, on one thread. Ends with the program.
pub(super) fn start(size: usize) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").into_bytes();
    let answer = [head, data::noise(size)].concat();
    // Whoever asks it sees that it is gone.
    thread::spawn(move || drop(serve(&listener, &answer)));
    Ok(address)
}

/// A request of our clients comes whole, and the next one after the answer.
fn serve(listener: &TcpListener, answer: &[u8]) -> Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let (mut ready, mut request) = ([EpollEvent::empty(); 64], [0; 4 << 10]);
    loop {
        let count = epoll.wait(&mut ready, EpollTimeout::NONE)?;
        for event in &ready[..count] {
            if event.data() == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, connections.len() as u64))?;
                connections.push(Some(stream));
                continue;
            }
            let connection = &mut connections[usize::try_from(event.data())?];
            let Some(stream) = connection else { continue };
            // A client that leaves ends its connection and nothing else.
            if stream.read(&mut request).is_ok_and(|read| read > 0) && stream.write_all(answer).is_ok() {
                continue;
            }
            *connection = None;
        }
    }
}
