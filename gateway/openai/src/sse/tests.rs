use proptest::prelude::*;

use super::*;

fn decode(pieces: &[&[u8]]) -> Vec<String> {
    let mut decoder = SseDecoder::new(1 << 20);
    let mut events = Vec::new();
    for piece in pieces {
        decoder
            .feed(piece, |data| events.push(data.to_owned()))
            .unwrap();
    }
    events
}

#[test]
fn comments_and_other_fields_are_passed_over() {
    let stream = b": ping\n\nevent: x\ndata: {\"a\":1}\nid: 3\n\ndatax: no\n\ndata:[DONE]\r\n\r\n";
    assert_eq!(decode(&[stream]), ["{\"a\":1}", "[DONE]"]);
}

#[test]
fn an_event_may_have_several_lines_and_an_unfinished_one_is_kept_back() {
    assert_eq!(decode(&[b"data: a\ndata: b\n\ndata: c\n"]), ["a\nb"]);
}

#[test]
fn large_events_and_bad_text_are_errors() {
    let mut decoder = SseDecoder::new(8);
    assert_eq!(
        decoder.feed(b"data: 0123456789\n\n", |_| ()),
        Err(SseError::TooLarge(8))
    );
    let mut decoder = SseDecoder::new(64);
    assert_eq!(
        decoder.feed(b"data: \xff\n\n", |_| ()),
        Err(SseError::NotUtf8)
    );
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_events(
        texts in proptest::collection::vec("[^\r\n]{0,12}", 0..6), cut in 0_usize..200,
    ) {
        let mut stream = Vec::new();
        for text in &texts {
            stream.extend_from_slice(&raw_frame(text));
        }
        let cut = cut.min(stream.len());
        let (left, right) = stream.split_at(cut);
        prop_assert_eq!(decode(&[left, right]), texts);
    }

    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut decoder = SseDecoder::new(64);
        let _ended = decoder.feed(&bytes, |_| ());
    }
}
