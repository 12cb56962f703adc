//! Frames and messages no client makes.

use std::io::Write;

use crate::support::*;

/// The server is as it was, and another client is served.
fn nobody_else_noticed(address: std::net::SocketAddr) {
    let mut other = client(address, &[]);
    say(&mut other, HELLO);
    assert!(hear(&mut other).contains("\"welcome\""));
}

#[test]
fn compressed_bombs_are_impossible_for_nothing_is_ever_decompressed() {
    with_server(config(), |address, _| {
        // Compression is offered, and `upgraded` checks that the server does not take it up.
        let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
        for first in [0xc1, 0xc2, 0xa1, 0x91] {
            let mut tcp = upgraded(address, offer);
            tcp.write_all(&frame(first, &[0x4a, 0x4c, 0x04, 0x00])).unwrap();
            let said = rest(&mut tcp);
            assert!(!said.windows(8).any(|it| it == b"\"problem"), "{first:x}: it was read");
        }
        nobody_else_noticed(address);
        // And what is asked for compressed comes as it is.
        let page = get(address, "/console", "Accept-Encoding: gzip, br\r\n");
        assert!(!page.to_lowercase().contains("content-encoding"), "{page}");
    });
}

#[test]
fn a_frame_that_announces_two_to_the_63_bytes_is_refused_before_any_comes() {
    with_server(config(), |address, _| {
        for first in [0x81, 0x82, 0x01, 0x89] {
            for len in [1_u64 << 63, u64::MAX, (1 << 63) - 1, 1 << 32, 1 << 20] {
                let mut tcp = upgraded(address, "");
                let mut head = vec![first, 0xff];
                head.extend_from_slice(&len.to_be_bytes());
                head.extend_from_slice(&[0; 4]);
                tcp.write_all(&head).unwrap();
                // Not after a time-out: whoever waits for the rest waits for ten seconds at least.
                let said = rest(&mut tcp);
                assert!(!String::from_utf8_lossy(&said).contains("silent"), "{first:x} {len}");
            }
        }
        nobody_else_noticed(address);
    });
}

#[test]
fn a_message_in_endless_fragments_is_refused() {
    with_server(config(), |address, _| {
        let mut tcp = upgraded(address, "");
        let part = [b'x'; 100];
        let mut sent = 0;
        let mut first = 0x01;
        while tcp.write_all(&frame(first, &part)).is_ok() {
            first = 0x00;
            sent += part.len();
            assert!(sent < 50_000_000, "the server keeps all of it");
        }
        nobody_else_noticed(address);
    });
}

#[test]
fn json_nested_deeply_is_answered_and_not_followed() {
    with_server(config(), |address, _| {
        for open in ["[", "{\"a\":", r#"{"t":"hello","profile":"#, r#"{"t":["#] {
            let mut socket = client(address, &[]);
            let deep = open.repeat(30_000 / open.len());
            say(&mut socket, &deep);
            let told = hear(&mut socket);
            assert!(told.contains("\"problem\""), "{open}: {told}");
            // The same connection goes on.
            say(&mut socket, HELLO);
            assert!(hear(&mut socket).contains("\"welcome\""));
            say(&mut socket, &deep);
            assert!(hear(&mut socket).contains("\"problem\""));
        }
    });
}

#[test]
fn a_message_that_is_a_little_too_long_is_answered_and_one_far_too_long_is_not_read() {
    with_server(config(), |address, _| {
        let mut socket = client(address, &[]);
        say(&mut socket, &" ".repeat(coview_wire::limits::MESSAGE_BYTES + 1));
        assert!(hear(&mut socket).contains("\"problem\""));
        let mut tcp = upgraded(address, "");
        let _ = tcp.write_all(&frame(0x81, &[b' '; 10_000_000]));
        assert!(!String::from_utf8_lossy(&rest(&mut tcp)).contains("problem"));
        nobody_else_noticed(address);
    });
}

#[test]
fn frames_that_break_rfc_6455_end_their_connection() {
    with_server(config(), |address, _| {
        let unmasked = [0x81, 2, b'h', b'i'].to_vec();
        let not_utf8 = frame(0x81, &[0xff, 0xfe]);
        let unknown = frame(0x83, b"hi");
        let continues_nothing = frame(0x80, b"hi");
        let long_ping = frame(0x89, &[0; 200]);
        let ping_in_parts = frame(0x09, b"hi");
        let two_begun = [frame(0x01, b"a"), frame(0x01, b"b")].concat();
        for bytes in
            [unmasked, not_utf8, unknown, continues_nothing, long_ping, ping_in_parts, two_begun]
        {
            let mut tcp = upgraded(address, "");
            tcp.write_all(&bytes).unwrap();
            let said = rest(&mut tcp);
            assert!(!said.contains(&b'{'), "{bytes:x?}: {said:x?}");
        }
        nobody_else_noticed(address);
    });
}

#[test]
fn a_hundred_thousand_random_and_mutated_frames_leave_the_server_as_it_was() {
    let mut config = config();
    config.hub.policy.problems_per_minute = u32::MAX;
    config.limits.messages_per_second = u32::MAX;
    with_server(config, |address, _| {
        // A small generator, the same in every run.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let seeds = [HELLO, SIGN_IN, r#"{"t":"session_start","re":1,"start":1,"by":"random_key"}"#];
        let mut sent = 0;
        while sent < 100_000 {
            let mut tcp = upgraded(address, "");
            for _ in 0..2000 {
                let mut payload = seeds[random() as usize % seeds.len()].as_bytes().to_vec();
                for _ in 0..random() % 4 {
                    let at = random() as usize % payload.len();
                    payload[at] = random() as u8;
                }
                // One frame in a thousand is of a kind that may end the connection.
                let first = if random() % 1000 == 0 { random() as u8 } else { 0x81 };
                payload.retain(|byte| first != 0x81 || byte.is_ascii());
                sent += 1;
                if tcp.write_all(&frame(first, &payload)).is_err() {
                    break;
                }
            }
            // What it answered is thrown away with the connection.
        }
        nobody_else_noticed(address);
    });
}
