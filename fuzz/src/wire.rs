use coview_wire::*;

/// Reads the input as every message of the protocol. What is read is written and read again without
/// a difference, and its `Debug` form as well as any fault is told without a panic.
pub fn wire(data: &[u8]) {
    if let Ok(text) = core::str::from_utf8(data) {
        text_message::<ClientMessage>(text);
        text_message::<ServerMessage>(text);
        text_message::<AgentMessage>(text);
        text_message::<AgentNotice>(text);
        if let Ok(key) = SessionKey::parse(text) {
            let mut shown = String::new();
            key.write_grouped(&mut shown).expect("a string takes everything");
            assert_eq!(SessionKey::parse(&shown), Ok(key), "a key reads back");
        }
    }
    binary_message(data);
}

fn text_message<M: Message + PartialEq + core::fmt::Debug>(text: &str) {
    let read = M::decode(text);
    if text.len() < limits::MESSAGE_BYTES {
        // After a line break a message is always read in two passes. Only where a fault is changes.
        let again = M::decode(&format!("\n{text}"));
        match (&read, &again) {
            (Ok(read), Ok(again)) => assert_eq!(read, again, "both ways read the same"),
            (Err(read), Err(again)) => assert_eq!(read.request(), again.request()),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("one way reads it: {read:?} {again:?}"),
        }
    }
    match read {
        Ok(message) => {
            let written = message.encode();
            assert!(
                written.len() <= text.len().max(limits::MESSAGE_BYTES),
                "it grew over the limit"
            );
            assert_eq!(M::decode(&written).as_ref(), Ok(&message), "it reads back");
            let _ = format!("{message:?}");
        }
        Err(error) => {
            let told = error.to_string();
            assert!(told.len() < 512, "a fault is told in {} bytes", told.len());
            let _ = error.request();
        }
    }
}

fn binary_message(data: &[u8]) {
    let mut read = 0;
    if let Ok(picture) = Picture::decode(data) {
        let viewers: Vec<ViewerId> = picture.viewers().collect();
        let written = Picture::encode(picture.session(), &viewers, picture.body());
        assert_eq!(written, data, "a picture reads back");
        read += 1;
    }
    if let Ok(relay) = PictureRelay::decode(data) {
        assert_eq!(PictureRelay::encode(relay.session(), relay.body()), data);
        read += 1;
    }
    if let Ok(notice) = ViewerNotice::decode(data) {
        assert_eq!(notice.encode(), data);
        read += 1;
    }
    if let Ok(signal) = ViewerSignal::decode(data) {
        assert_eq!(signal.encode(), data);
        read += 1;
    }
    if let Ok(notice) = MaskNotice::decode(data) {
        assert!(MaskNotice::is_in(data));
        assert_eq!(notice.encode(), data);
        read += 1;
    }
    assert!(read <= 1, "bytes are one message at most");
}
