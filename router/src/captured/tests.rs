//! Captured features read like the text they are of, survive their bytes, and hold no text.

use proptest::prelude::*;

use super::*;
use crate::sample::{candidates, draw, ids, tenant, user, view};
use crate::{Gate, Policy, Reading, RequestView, Scratch, decide};

/// The shipped gate, whose numbers depend on the text.
fn gate() -> Gate {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/gate");
    Gate::load(&folder).unwrap()
}

fn facts(reading: &Reading<'_>) -> (String, f32, u32, Vec<f32>) {
    let ids = ids();
    let quality = candidates(&ids)
        .iter()
        .map(|c| reading.predict(c).quality)
        .collect();
    let domain = reading.domain();
    (
        format!("{domain:?}"),
        reading.out_of_distribution(),
        reading.digest(),
        quality,
    )
}

#[test]
fn a_gate_recalls_what_it_read() {
    let (gate, tenant) = (gate(), tenant());
    let turns = user("Kündigung: wie viel kostet §12 der AGB, bitte? card card card");
    let view = view(&tenant, &turns);
    let (mut plain, mut noting, mut recalled) = (Scratch::new(), Scratch::new(), Scratch::new());
    let mut note = Captured::new();
    let read = facts(&gate.read(&view, &mut plain));
    assert_eq!(
        facts(&gate.read_noting(&view, &mut noting, &mut note)),
        read
    );
    assert_eq!(Captured::of(&view, note.table_bits, note.known_bits), note);
    let back = Captured::from_bytes(&note.to_bytes()).unwrap();
    let bare = RequestView::of_turns(&tenant, &[]);
    let reading = gate.recall(&back, &bare, &mut recalled).unwrap();
    assert_eq!(facts(&reading), read);
    let ids = ids();
    decide(&reading, &candidates(&ids), &Policy::default(), &draw(0.5)).unwrap();
}

#[test]
fn a_note_of_a_larger_table_serves_a_smaller_one_and_not_the_other_way() {
    let token = |hash| Token {
        kind: Kind::Word,
        hash,
        piece: "",
        start: 0,
        end: 0,
    };
    let (mut wide, mut narrow) = (Captured::new(), Captured::new());
    wide.begin(&Spec::new(20, 18));
    narrow.begin(&Spec::new(15, 12));
    for hash in [1, 7, u64::MAX, 0x1234_5678_9ABC_DEF0] {
        wide.note(&token(hash));
        narrow.note(&token(hash));
    }
    assert_eq!(wide.rows(15).unwrap(), narrow.bags);
    assert_eq!(wide.word_bits(12).unwrap(), narrow.words);
    assert_eq!(narrow.rows(16), None);
    assert_eq!(narrow.word_bits(13), None);
}

#[test]
fn each_kind_has_its_half_of_the_wide_part() {
    let note = Captured {
        table_bits: 15,
        known_bits: 18,
        bags: [vec![1 << 14], vec![3 << 13], vec![7]],
        ..Captured::new()
    };
    assert_eq!(
        note.wide_rows(16).unwrap(),
        [vec![1 << 14], vec![(3 << 13) + (1 << 15)]]
    );
    assert_eq!(
        note.wide_rows(10).unwrap(),
        [vec![1 << 8], vec![(3 << 7) + (1 << 9)]]
    );
    assert_eq!(note.wide_rows(17), None);
    assert_eq!(note.wide_rows(0).unwrap(), [Vec::<u32>::new(), Vec::new()]);
}

#[test]
fn a_long_text_is_cut_and_small() {
    let (gate, tenant) = (gate(), tenant());
    let long: String = (0..9_000).map(|n| format!("w{n} ")).collect();
    let turns = user(&long);
    let mut note = Captured::new();
    let mut scratch = Scratch::new();
    gate.read_noting(&view(&tenant, &turns), &mut scratch, &mut note);
    let bytes = note.to_bytes();
    assert!(bytes.len() < 8_000, "{} bytes", bytes.len());
    assert!(!bytes.windows(4).any(|w| w == b"w100"));
    assert!(note.bags.iter().all(|bag| bag.len() <= CAPTURED_MOST));
}

#[test]
fn foreign_bytes_are_named() {
    let mut bytes = Captured {
        table_bits: 15,
        known_bits: 18,
        ..Captured::new()
    }
    .to_bytes();
    assert!(Captured::from_bytes(&bytes).is_ok());
    assert_eq!(
        Captured::from_bytes(&bytes[..bytes.len() - 1]),
        Err(CapturedError::Short)
    );
    bytes.push(0);
    assert_eq!(
        Captured::from_bytes(&bytes),
        Err(CapturedError::Value("tail"))
    );
    bytes[1] = 99;
    assert_eq!(Captured::from_bytes(&bytes), Err(CapturedError::Rules(99)));
    bytes[0] = 9;
    assert_eq!(Captured::from_bytes(&bytes), Err(CapturedError::Layout(9)));
}

proptest! {
    #[test]
    fn any_text_survives(text in any::<String>()) {
        let (gate, tenant) = (gate(), tenant());
        let turns = user(&text);
        let view = view(&tenant, &turns);
        let mut note = Captured::new();
        let (mut one, mut two) = (Scratch::new(), Scratch::new());
        let read = facts(&gate.read_noting(&view, &mut one, &mut note));
        let back = Captured::from_bytes(&note.to_bytes()).unwrap();
        let bare = RequestView::of_turns(&tenant, &[]);
        let recalled = facts(&gate.recall(&back, &bare, &mut two).unwrap());
        prop_assert_eq!(recalled, read);
    }

    #[test]
    fn any_bytes_are_refused_or_stay_the_same(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(found) = Captured::from_bytes(&bytes) {
            prop_assert_eq!(Captured::from_bytes(&found.to_bytes()).unwrap(), found);
        }
    }
}
