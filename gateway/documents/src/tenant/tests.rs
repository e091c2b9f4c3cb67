use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use units::TenantId;

use super::{Documents, TenantDocuments};
use crate::{Collection, Document, DocumentId, DocumentsError, Filter, Limits};

fn folder() -> (TempDir, Documents) {
    let folder = tempfile::tempdir().unwrap();
    let documents = Documents::new(folder.path().join("docs"), Limits::default());
    (folder, documents)
}

fn tenant(documents: &Documents, name: &str) -> TenantDocuments {
    documents.tenant(&TenantId::new(name).unwrap())
}

fn book() -> Collection {
    Collection::new("handbook").unwrap()
}

fn document(id: &str, text: &str) -> Document {
    Document {
        id: DocumentId::new(id).unwrap(),
        title: String::new(),
        text: text.to_owned(),
        metadata: json!({"lang": "de", "year": 2026})
            .as_object()
            .unwrap()
            .clone(),
        added: 7,
    }
}

fn ids(docs: &TenantDocuments, query: &str) -> Vec<String> {
    let hits = docs
        .search(&[book()], query, 10, &Filter::default())
        .unwrap();
    hits.into_iter().map(|hit| hit.document).collect()
}

#[test]
fn tenants_and_collections_are_apart() {
    let (_folder, all) = folder();
    let (acme, beta) = (tenant(&all, "acme"), tenant(&all, "beta"));
    acme.add(&book(), &document("a", "Urlaub regelt das Handbuch"))
        .unwrap();
    assert_eq!(ids(&acme, "urlaub"), ["a"]);
    assert!(ids(&beta, "urlaub").is_empty());
    assert!(beta.list(&book()).unwrap().is_empty());
    assert!(
        !beta
            .remove(&book(), &DocumentId::new("a").unwrap())
            .unwrap()
    );
    let other = Collection::new("other").unwrap();
    assert!(
        acme.search(&[other], "urlaub", 5, &Filter::default())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_document_is_replaced_removed_and_survives_a_restart() {
    let (folder, all) = folder();
    let acme = tenant(&all, "acme");
    acme.add(&book(), &document("a", "alte Fassung")).unwrap();
    acme.add(&book(), &document("a", "neue Fassung")).unwrap();
    assert!(ids(&acme, "alte").is_empty());
    let again = Documents::new(folder.path().join("docs"), Limits::default());
    let again = tenant(&again, "acme");
    assert_eq!(ids(&again, "neue"), ["a"]);
    let listed = again.list(&book()).unwrap();
    assert_eq!(
        (
            listed.len(),
            listed[0].chunks,
            listed[0].bytes,
            listed[0].added
        ),
        (1, 1, 12, 7)
    );
    assert!(
        again
            .remove(&book(), &DocumentId::new("a").unwrap())
            .unwrap()
    );
    assert!(
        !again
            .remove(&book(), &DocumentId::new("a").unwrap())
            .unwrap()
    );
    assert!(ids(&acme, "neue").is_empty() && acme.list(&book()).unwrap().is_empty());
}

#[test]
fn german_and_english_words_are_found() {
    let (_folder, all) = folder();
    let acme = tenant(&all, "acme");
    acme.add(
        &book(),
        &document("de", "Die Straße führt über die Brücke."),
    )
    .unwrap();
    acme.add(&book(), &document("en", "The bridge crosses the river."))
        .unwrap();
    for (query, id) in [
        ("BRÜCKE", "de"),
        ("brucke", "de"),
        ("strasse", "de"),
        ("Bridge?", "en"),
    ] {
        assert_eq!(ids(&acme, query), [id], "{query}");
    }
}

#[test]
fn better_matches_come_first() {
    let (_folder, all) = folder();
    let acme = tenant(&all, "acme");
    acme.add(
        &book(),
        &document("once", "refund and many other words about other things"),
    )
    .unwrap();
    acme.add(&book(), &document("twice", "refund policy refund"))
        .unwrap();
    acme.add(&book(), &document("rare", "refund quokka"))
        .unwrap();
    assert_eq!(ids(&acme, "refund"), ["twice", "rare", "once"]);
    assert_eq!(ids(&acme, "refund quokka")[0], "rare");
}

#[test]
fn filters_narrow_and_queries_have_no_syntax() {
    let (_folder, all) = folder();
    let acme = tenant(&all, "acme");
    acme.add(&book(), &document("a", "geheim")).unwrap();
    let with = |text: &str| {
        let filter = Filter::parse(text).unwrap();
        acme.search(&[book()], "geheim", 5, &filter).unwrap().len()
    };
    assert_eq!(
        (with(""), with("lang=de"), with("lang=de,year=2026")),
        (1, 1, 1)
    );
    assert_eq!(
        (with("lang=en"), with("lang=de,year=1"), with("lang=*")),
        (0, 0, 0)
    );
    for query in [
        "*",
        "*:*",
        "document:a",
        "text:[a TO z]",
        "NOT x",
        "",
        "\0",
        "/.*/",
    ] {
        let hits = ids(&acme, query);
        assert!(hits.is_empty(), "{query}: {hits:?}");
    }
}

#[test]
fn hostile_names_are_refused_or_harmless() {
    for name in [
        "", ".", "..", "../x", "a/b", "a\\b", "A", "a b", "a\0", "-a", "_a", "ä", ".lock",
    ] {
        assert!(Collection::new(name).is_err(), "{name:?}");
    }
    assert!(Collection::new(&"a".repeat(65)).is_err());
    assert!(DocumentId::new("a\nb").is_err() && DocumentId::new("").is_err());
    let (folder, all) = folder();
    let acme = tenant(&all, "acme");
    for id in ["../../etc/passwd", "a OR b", "*", "<script>", "ä/ö"] {
        acme.add(&book(), &document(id, "text")).unwrap();
    }
    assert_eq!(acme.list(&book()).unwrap().len(), 5);
    assert!(
        acme.remove(&book(), &DocumentId::new("*").unwrap())
            .unwrap()
    );
    assert_eq!(acme.list(&book()).unwrap().len(), 4);
    let outside: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert_eq!(outside.len(), 1);
    for part in ["docs", "docs/acme", "docs/acme/handbook"] {
        let mode = folder
            .path()
            .join(part)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{part}");
    }
}

#[test]
fn each_limit_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        document_bytes: 20,
        documents: 1,
        collections: 1,
        query_bytes: 10,
        wait: std::time::Duration::from_millis(50),
        ..Limits::default()
    };
    let acme = tenant(&Documents::new(folder.path(), limits), "acme");
    let add = |collection: &str, id: &str, text: &str| {
        acme.add(&Collection::new(collection).unwrap(), &document(id, text))
            .unwrap_err()
    };
    acme.add(&book(), &document("a", "text")).unwrap();
    acme.add(&book(), &document("a", "text again")).unwrap();
    assert!(matches!(
        add("handbook", "a", &"x".repeat(21)),
        DocumentsError::TooLarge { .. }
    ));
    assert!(matches!(
        add("handbook", "b", "x"),
        DocumentsError::TooMany {
            what: "documents",
            ..
        }
    ));
    assert!(matches!(
        add("more", "a", "x"),
        DocumentsError::TooMany {
            what: "collections",
            ..
        }
    ));
    assert!(matches!(add("handbook", "a", " \n"), DocumentsError::Empty));
    let search = |query: &str, top| acme.search(&[book()], query, top, &Filter::default());
    assert!(matches!(
        search("x", 51),
        Err(DocumentsError::TooMany { .. })
    ));
    assert!(matches!(
        search("12345678901", 1),
        Err(DocumentsError::TooLarge { .. })
    ));
    assert!(search("text", 0).unwrap().is_empty());
    let held = acme.lock().unwrap();
    assert!(matches!(add("handbook", "a", "x"), DocumentsError::Busy));
    drop(held);
}

#[test]
fn readers_and_writers_at_once_see_whole_documents() {
    let (_folder, all) = folder();
    let acme = tenant(&all, "acme");
    acme.add(&book(), &document("d0", "wort")).unwrap();
    std::thread::scope(|scope| {
        for half in 0..2 {
            let acme = acme.clone();
            scope.spawn(move || {
                for n in 0..4 {
                    acme.add(&book(), &document(&format!("w{half}-{n}"), "wort"))
                        .unwrap();
                }
            });
        }
        let mut last = 0;
        while last < 9 {
            let now = ids(&acme, "wort").len();
            assert!(now >= last);
            last = now;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_query_panics(query in "\\PC{0,200}", filter in "\\PC{0,20}") {
        let (_folder, all) = folder();
        let acme = tenant(&all, "acme");
        acme.add(&book(), &document("a", "ein Wort")).unwrap();
        let filter = Filter::parse(&filter).unwrap_or_default();
        prop_assert!(acme.search(&[book()], &query, 5, &filter).is_ok());
    }
}
