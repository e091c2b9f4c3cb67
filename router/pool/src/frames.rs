//! A streamed answer as it comes: frames to pass on, and what they told so far.

use std::collections::VecDeque;

use openai_api::sse::{DONE_DATA, SseDecoder};

use crate::AttemptError;
use crate::answer::{Event, Frame, read_event};
use crate::usage::SaidUsage;

/// Reads a stream's bytes.
pub(crate) struct Frames {
    decoder: SseDecoder,
    ready: VecDeque<Frame>,
    /// The latest usage, which counts all before it.
    pub(crate) usage: Option<SaidUsage>,
    /// Frames that carried a piece of the answer.
    pub(crate) pieces: u64,
    finished: bool,
    end: Option<Result<(), AttemptError>>,
}

impl Frames {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            decoder: SseDecoder::new(most),
            ready: VecDeque::new(),
            usage: None,
            pieces: 0,
            finished: false,
            end: None,
        }
    }

    /// Takes more bytes. What comes after the end is passed over.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let Self {
            decoder,
            ready,
            usage,
            pieces,
            finished,
            end,
        } = self;
        let fed = decoder.feed(bytes, |data| {
            if end.is_some() {
                return;
            }
            if data == DONE_DATA {
                *end = Some(Ok(()));
                return;
            }
            match read_event(data) {
                Event::Chunk {
                    frame,
                    usage: said,
                    piece,
                    finished: last,
                } => {
                    *usage = said.map(|said| *said).or(*usage);
                    *pieces = pieces.saturating_add(u64::from(piece));
                    *finished |= last;
                    ready.push_back(frame);
                }
                Event::Error => *end = Some(Err(AttemptError::InStream)),
                Event::Strange => *end = Some(Err(AttemptError::BadAnswer("no chunk"))),
            }
        });
        if fed.is_err() && self.end.is_none() {
            self.end = Some(Err(AttemptError::BadAnswer("no events")));
        }
    }

    /// The connection ended. An answer that said why it finished is whole without the last mark.
    pub(crate) fn close(&mut self) {
        if self.end.is_none() {
            self.end = Some(if self.finished {
                Ok(())
            } else {
                Err(AttemptError::Truncated)
            });
        }
    }

    /// The stream is at its end for a reason of its own.
    pub(crate) fn fail(&mut self, error: AttemptError) {
        self.end.get_or_insert(Err(error));
    }

    /// A frame to be passed on.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// How the stream ended, once every frame was taken.
    pub(crate) fn end(&self) -> Option<&Result<(), AttemptError>> {
        self.end.as_ref().filter(|_| self.ready.is_empty())
    }

    /// Is there something to take?
    pub(crate) fn has_frame(&self) -> bool {
        !self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    const LAST: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const USAGE: &str =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\n";

    fn read(text: &str) -> Frames {
        let mut frames = Frames::new(1 << 16);
        for byte in text.as_bytes() {
            frames.feed(std::slice::from_ref(byte));
        }
        frames
    }

    fn taken(frames: &mut Frames) -> usize {
        std::iter::from_fn(|| frames.next()).count()
    }

    #[test]
    fn a_whole_stream_ends_well() {
        let mut frames = read(&format!(
            "{PIECE}{PIECE}{LAST}{USAGE}data: [DONE]\n\n{PIECE}"
        ));
        assert!(frames.end().is_none(), "frames are left");
        assert_eq!((taken(&mut frames), frames.pieces), (4, 2));
        assert!(frames.usage.is_some());
        assert_eq!(frames.end(), Some(&Ok(())));
    }

    #[test]
    fn a_stream_without_its_mark_is_whole_only_if_it_said_so() {
        let mut frames = read(&format!("{PIECE}{LAST}"));
        frames.close();
        taken(&mut frames);
        assert_eq!(frames.end(), Some(&Ok(())));
        let mut frames = read(PIECE);
        frames.close();
        taken(&mut frames);
        assert_eq!(frames.end(), Some(&Err(AttemptError::Truncated)));
    }

    #[test]
    fn failures_in_mid_stream_are_ends() {
        for (text, error) in [
            (
                "data: {\"error\":{\"message\":\"x\"}}\n\n",
                AttemptError::InStream,
            ),
            ("data: nonsense\n\n", AttemptError::BadAnswer("no chunk")),
            ("data: \u{0}", AttemptError::Truncated),
        ] {
            let mut frames = read(&format!("{PIECE}{text}"));
            frames.close();
            assert_eq!(taken(&mut frames), 1);
            assert_eq!(frames.end(), Some(&Err(error)));
        }
    }
}
