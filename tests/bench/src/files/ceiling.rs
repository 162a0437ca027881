//! As little as a server can do for a request: one read, and one write of an answer that is ready.
use crate::data;
use anyhow::Result;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Serves one body of that size to whoever asks for anything, a thread a connection. Ends with the program.
pub(super) fn start(size: usize) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").into_bytes();
    let answer: Arc<[u8]> = [head, data::noise(size)].concat().into();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A client that leaves ends its connection and nothing else.
            thread::spawn(move || drop(serve(stream, &answer)));
        }
    });
    Ok(address)
}

/// A request of our clients comes whole, and the next one after the answer.
fn serve(mut stream: TcpStream, answer: &[u8]) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut request = [0; 4 << 10];
    while stream.read(&mut request)? > 0 {
        stream.write_all(answer)?;
    }
    Ok(())
}
