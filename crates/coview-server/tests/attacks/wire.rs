//! Bytes that come in another way than clients send them: all at once, one by one, too soon, too
//! late, and halves of several clients in turn.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::time::Duration;

use coview_server::Tls;

use crate::support::*;

const PING: &str = r#"{"t":"ping"}"#;

/// The next whole frame of the server: its first byte and its payload.
fn next_frame(tcp: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    tcp.read_exact(&mut head).unwrap();
    let len = match head[1] {
        126 => {
            let mut len = [0; 2];
            tcp.read_exact(&mut len).unwrap();
            u64::from(u16::from_be_bytes(len))
        }
        127 => {
            let mut len = [0; 8];
            tcp.read_exact(&mut len).unwrap();
            u64::from_be_bytes(len)
        }
        len => u64::from(len),
    };
    assert!(len < 1 << 20, "{head:x?} {len}");
    let mut payload = vec![0; usize::try_from(len).unwrap()];
    tcp.read_exact(&mut payload).unwrap();
    (head[0], payload)
}

fn next_text(tcp: &mut impl Read) -> String {
    let (first, payload) = next_frame(tcp);
    assert_eq!(first, 0x81, "{payload:x?}");
    String::from_utf8(payload).unwrap()
}

fn head_of_answer(tcp: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn frames_that_come_with_the_request_are_all_heard_in_their_order() {
    with_server(config(), |address, _| {
        let mut tcp = open(address);
        let mut bytes = format!("{UPGRADE}\r\n").into_bytes();
        bytes.extend(frame(0x81, HELLO.as_bytes()));
        // Far more than the handshake reads at once.
        for at in 0..500 {
            bytes.extend(frame(0x89, format!("{at:0100}").as_bytes()));
        }
        tcp.write_all(&bytes).unwrap();
        assert!(head_of_answer(&mut tcp).starts_with("HTTP/1.1 101 "));
        // Whether it comes before the first pongs is nobody's business.
        let (mut pongs, mut welcomes) = (0, 0);
        while pongs < 500 {
            let (first, payload) = next_frame(&mut tcp);
            if first == 0x81 {
                assert!(String::from_utf8(payload).unwrap().contains("\"welcome\""));
                welcomes += 1;
            } else {
                assert_eq!((first, payload), (0x8a, format!("{pongs:0100}").into_bytes()));
                pongs += 1;
            }
        }
        assert_eq!(welcomes, 1);
    });
}

#[test]
fn frames_that_come_with_the_request_are_held_to_the_same_rules() {
    let unmasked = [0x81, 2, b'h', b'i'].to_vec();
    let announced = [&[0x81, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat();
    let half_a_code = frame(0x88, &[3]);
    with_server(config(), |address, _| {
        for bytes in [unmasked, announced, half_a_code] {
            let mut tcp = open(address);
            tcp.write_all(&[format!("{UPGRADE}\r\n").as_bytes(), &bytes].concat()).unwrap();
            assert!(head_of_answer(&mut tcp).starts_with("HTTP/1.1 101 "));
            assert_eq!(rest(&mut tcp), b"", "{bytes:x?}");
        }
    });
}

#[test]
fn a_flood_that_comes_with_the_request_counts() {
    let mut config = config();
    config.limits.messages_per_second = 10;
    config.limits.flooding = Duration::from_secs(1);
    with_server(config, |address, _| {
        let mut tcp = open(address);
        let flood = frame(0x89, b"").repeat(2000);
        tcp.write_all(&[format!("{UPGRADE}\r\n").as_bytes(), &flood].concat()).unwrap();
        let said = rest(&mut tcp);
        assert!(said.len() < 1000, "{} bytes", said.len());
        assert_eq!(metric(address, "closed_flooding_total"), 1);
    });
}

#[test]
fn halves_of_frames_of_many_clients_in_turn_are_never_mixed_up() {
    with_server(config(), |address, _| {
        let mut clients: Vec<_> = (0..20).map(|_| upgraded(address, "")).collect();
        let said: Vec<_> = (0..20_u8)
            .map(|id| {
                let secret = format!("only {id} knows {}", "?".repeat(usize::from(id) * 5));
                let mut bytes = frame(0x01, &HELLO.as_bytes()[..20]);
                bytes.extend(frame(0x89, secret.as_bytes()));
                bytes.extend(frame(0x80, &HELLO.as_bytes()[20..]));
                (secret, bytes)
            })
            .collect();
        let longest = said.iter().map(|(_, bytes)| bytes.len()).max().unwrap();
        for at in 0..longest {
            for (tcp, (_, bytes)) in clients.iter_mut().zip(&said) {
                if let Some(byte) = bytes.get(at) {
                    tcp.write_all(&[*byte]).unwrap();
                }
            }
        }
        for (tcp, (secret, _)) in clients.iter_mut().zip(said) {
            assert_eq!(next_frame(tcp), (0x8a, secret.into_bytes()));
            assert!(next_text(tcp).contains("\"welcome\""));
        }
    });
}

#[test]
fn whoever_hangs_up_behind_its_question_still_reads_the_answer() {
    with_server(config(), |address, _| {
        let faulty = frame(0x83, b"");
        for end in [&b""[..], &faulty, &frame(0x01, b"half a mess")] {
            let mut tcp = upgraded(address, "");
            // A text that is no message comes first: it is answered by a problem.
            let both = [&frame(0x81, b"?")[..], &frame(0x81, HELLO.as_bytes()), end].concat();
            tcp.write_all(&both).unwrap();
            tcp.shutdown(Shutdown::Write).unwrap();
            let said = String::from_utf8_lossy(&rest(&mut tcp)).into_owned();
            assert!(said.contains("\"problem\"") && said.contains("\"welcome\""), "{said:?}");
        }
    });
}

#[test]
fn many_questions_at_once_do_not_make_a_client_that_reads_too_slow() {
    let mut config = config();
    config.limits.queue_messages = 1;
    with_server(config, |address, _| {
        let mut tcp = upgraded(address, "");
        tcp.write_all(&frame(0x81, HELLO.as_bytes())).unwrap();
        assert!(next_text(&mut tcp).contains("\"welcome\""));
        tcp.write_all(&frame(0x81, PING.as_bytes()).repeat(100)).unwrap();
        for _ in 0..100 {
            assert!(next_text(&mut tcp).contains("\"pong\""));
        }
        assert_eq!(metric(address, "closed_too_slow_total"), 0);
    });
}

#[test]
fn a_close_is_answered_in_kind_and_nothing_is_heard_behind_it() {
    let reason = |code: u16, words: &str| [&code.to_be_bytes(), words.as_bytes()].concat();
    let same = |payload: Vec<u8>| (payload.clone(), payload);
    let fault = reason(1002, "Protocol violation");
    let cases = [
        same(Vec::new()),
        same(reason(1000, "")),
        same(reason(1001, "auf Wiedersehen ☺")),
        same(reason(4999, &"x".repeat(123))),
        (reason(1005, ""), fault.clone()),
        (reason(1006, "gone"), fault.clone()),
        (reason(999, ""), fault.clone()),
        (reason(0, ""), fault),
    ];
    with_server(config(), |address, _| {
        for (says, answer) in cases {
            let mut tcp = upgraded(address, "");
            let behind = frame(0x81, HELLO.as_bytes());
            tcp.write_all(&[frame(0x88, &says), behind].concat()).unwrap();
            assert_eq!(next_frame(&mut tcp), (0x88, answer), "{says:x?}");
            assert_eq!(rest(&mut tcp), b"");
        }
        for broken in [frame(0x88, &[3]), frame(0x88, &[3, 232, 0xff]), frame(0x08, b"")] {
            let mut tcp = upgraded(address, "");
            tcp.write_all(&broken).unwrap();
            assert_eq!(rest(&mut tcp), b"", "{broken:x?}");
        }
        assert_eq!(metric(address, "connections"), 0);
    });
}

/// Sends pings and reads not one answer, until it is cut off. How much it sends before the sockets
/// between hold no more is the system's business.
fn ping_and_read_nothing(tcp: &mut TcpStream) -> usize {
    let ping = frame(0x89, &[7; 125]).repeat(500);
    let (begun, mut sent) = (now(), 0);
    loop {
        match tcp.write_all(&ping) {
            Ok(()) => sent += ping.len(),
            Err(error) if is_cut(&error) => return sent,
            Err(error) => panic!("the server neither reads nor closes: {error}"),
        }
        assert!(begun.elapsed() < PATIENCE, "the server reads on after {sent} bytes");
    }
}

#[test]
fn pings_whose_answers_nobody_reads_pile_up_nowhere_and_end_the_connection() {
    let mut config = config();
    config.limits.messages_per_second = u32::MAX;
    config.limits.bytes_per_second = u32::MAX;
    config.limits.stalled = Duration::from_secs(1);
    with_server(config, |address, _| {
        let mut tcp = upgraded(address, "");
        tcp.write_all(&frame(0x81, HELLO.as_bytes())).unwrap();
        let sent = ping_and_read_nothing(&mut tcp);
        until(address, "closed_too_slow_total", 1);
        until(address, "connections", 0);
        // What it finds are whole frames, as much as the sockets held; the rest was never made.
        let answers = rest(&mut tcp).len();
        assert!(answers < sent, "{answers} of {sent}");
        let mut other = client(address, &[]);
        say(&mut other, HELLO);
        assert!(hear(&mut other).contains("\"welcome\""));
    });
}

#[test]
fn frames_in_one_byte_records_of_tls_are_read_as_any() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let mut config = config();
    config.tls = Some(Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap());
    with_server(config, |address, _| {
        let mut tls = tls_client(address, &made.cert).unwrap();
        let mut bytes = format!("{UPGRADE}\r\n").into_bytes();
        bytes.extend(frame(0x81, HELLO.as_bytes()));
        bytes.extend(frame(0x89, b"there?"));
        for byte in bytes {
            tls.write_all(&[byte]).unwrap();
            tls.flush().unwrap();
        }
        assert!(head_of_answer(&mut tls).starts_with("HTTP/1.1 101 "));
        let both = [next_frame(&mut tls), next_frame(&mut tls)];
        assert!(both.contains(&(0x8a, b"there?".to_vec())), "{both:x?}");
        assert!(both.iter().any(|(first, _)| *first == 0x81), "{both:x?}");
        // And all at once, in one record.
        let many = frame(0x81, PING.as_bytes()).repeat(100);
        tls.write_all(&many).unwrap();
        tls.flush().unwrap();
        for _ in 0..100 {
            assert!(next_text(&mut tls).contains("\"pong\""));
        }
        // Whoever hangs up by TCP alone is gone all the same.
        tls.sock.shutdown(Shutdown::Both).unwrap();
    });
}

#[test]
fn a_request_for_the_websocket_smuggles_nothing_past_http() {
    with_server(config(), |address, _| {
        // Behind a request for a page: a connection serves one request.
        let said = answer(address, &format!("GET / HTTP/1.1\r\nHost: x\r\n\r\n{UPGRADE}\r\n"));
        assert!(said.starts_with("HTTP/1.1 200 ") && !said.contains(" 101 "), "{said}");
        // In the body of another request.
        let body = format!("{UPGRADE}\r\n{HELLO}");
        let length = body.len();
        let post = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
        let said = answer(address, &post);
        assert!(said.starts_with("HTTP/1.1 405 ") && !said.contains(" 101 "), "{said}");
        // Where its own body ends and the first frame begins is nothing to have views on.
        for headers in ["Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n"] {
            let mut tcp = open(address);
            let hidden = frame(0x81, HELLO.as_bytes());
            let request = format!("{UPGRADE}{headers}\r\n");
            tcp.write_all(&[request.as_bytes(), b"4\r\n\0", &hidden].concat()).unwrap();
            tcp.shutdown(Shutdown::Write).unwrap();
            let said = String::from_utf8_lossy(&rest(&mut tcp)).into_owned();
            assert!(said.starts_with("HTTP/1.1 400 "), "{headers}: {said}");
            assert!(!said.contains(" 101 ") && !said.contains("welcome"), "{headers}: {said}");
        }
        until(address, "connections", 0);
    });
}

#[test]
fn however_a_client_ends_the_hub_hears_of_it() {
    with_server(config(), |address, _| {
        for at in 0..60 {
            let mut tcp = upgraded(address, "");
            tcp.write_all(&frame(0x81, HELLO.as_bytes())).unwrap();
            let long = frame(0x01, &[b' '; 90_000]);
            match at % 6 {
                // With the welcome unread, which is a reset.
                0 => {}
                1 => tcp.write_all(&long[..3]).unwrap(),
                2 => tcp.write_all(&long[..80_000]).unwrap(),
                3 => tcp.write_all(&long).unwrap(),
                4 => tcp.shutdown(Shutdown::Both).unwrap(),
                _ => {
                    tcp.write_all(&frame(0x89, b"x").repeat(5000)).unwrap();
                    assert!([0x81, 0x8a].contains(&next_frame(&mut tcp).0));
                }
            }
        }
        until(address, "connections", 0);
        let mut other = client(address, &[]);
        say(&mut other, HELLO);
        assert!(hear(&mut other).contains("\"welcome\""));
        assert_eq!(metric(address, "connections"), 1);
    });
}

#[test]
fn a_client_that_fills_every_read_with_tiny_frames_leaves_turns_to_others() {
    let mut config = config();
    config.limits.messages_per_second = u32::MAX;
    config.limits.bytes_per_second = u32::MAX;
    with_server(config, |address, _| {
        let greedy = upgraded(address, "");
        let mut reads = greedy.try_clone().unwrap();
        let reader = std::thread::spawn(move || rest(&mut reads).len());
        let mut writes = greedy.try_clone().unwrap();
        let mut parts = frame(0x01, b"");
        parts.extend(frame(0x00, b"").repeat(10_000));
        parts.extend(frame(0x80, HELLO.as_bytes()));
        let pings = frame(0x89, b"").repeat(10_000);
        let writer = std::thread::spawn(move || {
            let mut all = writes.write_all(&parts);
            while all.is_ok() {
                all = writes.write_all(&pings);
            }
        });
        let mut other = client(address, &[]);
        say(&mut other, HELLO);
        assert!(hear(&mut other).contains("\"welcome\""));
        for _ in 0..50 {
            say(&mut other, PING);
            assert!(hear(&mut other).contains("\"pong\""));
        }
        greedy.shutdown(Shutdown::Both).unwrap();
        writer.join().unwrap();
        assert!(reader.join().unwrap() > 0);
    });
}
