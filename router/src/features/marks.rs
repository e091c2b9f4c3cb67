//! Numbers of a text: length, scripts, digits, signs of code and of tables.

use crate::view::RequestView;

/// Numbers for each request.
pub const DENSE: usize = 20;

/// What each number is, in order. A gate names the same list or is refused.
pub const DENSE_NAMES: [&str; DENSE] = [
    "bytes_log",
    "words_log",
    "digits",
    "upper",
    "latin",
    "latin_extended",
    "cjk",
    "other_script",
    "code_marks",
    "table_marks",
    "newlines",
    "question",
    "money",
    "has_tools",
    "wants_json",
    "turns_log",
    "has_system",
    "context_log",
    "truncated",
    "known_words",
];

/// What a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Space,
    Newline,
    Lower,
    Upper,
    Digit,
    Question,
    Money,
    Code,
    Table,
    Mark,
    High,
}

const CLASSES: usize = 11;

/// The class of each byte.
pub(super) static CLASS: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut table = [Class::Mark; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "byte is below 256")]
        let value = byte as u8;
        table[byte] = match value {
            b'\n' => Class::Newline,
            b'\t' | b'|' => Class::Table,
            b'a'..=b'z' => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'0'..=b'9' => Class::Digit,
            b'?' => Class::Question,
            b'$' | b'%' => Class::Money,
            b'{' | b'}' | b'[' | b']' | b'(' | b')' | b'<' | b'>' | b'=' | b';' | b'_' | b'`'
            | b'\\' | b'#' => Class::Code,
            0x80..=0xFF => Class::High,
            0..=b' ' | 0x7F => Class::Space,
            _ => Class::Mark,
        };
        byte += 1;
    }
    table
}

/// The script of a character outside ASCII, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// Punctuation, blanks, emoji: between words.
    None,
    /// A sign with a meaning of its own, such as `€` and `§`.
    Sign,
    /// Latin letters with marks.
    Latin,
    /// Chinese, Japanese, Korean: a word for each character.
    Cjk,
    /// Any other letter or digit.
    Other,
}

impl Script {
    pub(super) fn of(found: char) -> Self {
        match u32::from(found) {
            0xA3 | 0xA5 | 0xA7 | 0x20AC | 0x20B9 | 0xB0 => Self::Sign,
            0xAA | 0xB5 | 0xBA | 0xC0..=0xD6 | 0xD8..=0xF6 | 0xF8..=0x24F | 0x1E00..=0x1EFF => {
                Self::Latin
            }
            0x3040..=0x30FF
            | 0x3400..=0x4DBF
            | 0x4E00..=0x9FFF
            | 0xAC00..=0xD7AF
            | 0xF900..=0xFAFF
            | 0x2_0000..=0x3_FFFF => Self::Cjk,
            0x300..=0x36F => Self::Other,
            _ if found.is_alphanumeric() => Self::Other,
            _ => Self::None,
        }
    }
}

/// Counts over what is asked.
#[derive(Debug, Default)]
pub(super) struct Counts {
    classes: [u32; CLASSES],
    latin: u32,
    cjk: u32,
    other: u32,
    signs: u32,
    /// Words found.
    pub(super) words: u32,
}

impl Counts {
    #[inline]
    pub(super) fn add(&mut self, class: Class) {
        self.classes[class as usize] += 1;
    }

    pub(super) fn add_script(&mut self, script: Script) {
        match script {
            Script::None => {}
            Script::Sign => self.signs += 1,
            Script::Latin => self.latin += 1,
            Script::Cjk => self.cjk += 1,
            Script::Other => self.other += 1,
        }
    }

    fn of(&self, class: Class) -> u32 {
        self.classes[class as usize]
    }

    /// The numbers in the order of [`DENSE_NAMES`]; shares are of the characters read.
    pub(super) fn dense(
        &self,
        view: &RequestView<'_>,
        asked_bytes: usize,
        context_bytes: usize,
        window: usize,
    ) -> [f32; DENSE] {
        let read: u32 = self.classes.iter().sum();
        let share = |count: u32, scale: f32| (ratio(count, read) * scale).min(1.0);
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        [
            log(asked_bytes) / 10.0,
            log(usize::try_from(self.words).unwrap_or(0)) / 8.0,
            share(self.of(Class::Digit), 4.0),
            share(self.of(Class::Upper), 4.0),
            share(self.of(Class::Lower) + self.of(Class::Upper), 1.0),
            share(self.latin, 4.0),
            share(self.cjk, 1.0),
            share(self.other, 1.0),
            share(self.of(Class::Code), 8.0),
            share(self.of(Class::Table), 16.0),
            share(self.of(Class::Newline), 16.0),
            flag(self.of(Class::Question) > 0),
            share(self.of(Class::Money) + self.signs, 16.0),
            flag(view.has_tools),
            flag(view.wants_json),
            log(view.turns.len()) / 3.0,
            flag(view.system.is_some()),
            log(context_bytes) / 10.0,
            flag(asked_bytes > window),
            0.0,
        ]
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one window are far below 2^24"
)]
fn ratio(part: u32, whole: u32) -> f32 {
    part as f32 / whole.max(1) as f32
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a logarithm needs no exact count"
)]
fn log(count: usize) -> f32 {
    (count as f32).ln_1p()
}
