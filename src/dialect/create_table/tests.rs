//! Texts edited and read.

use super::*;

const QUIRKY: &str = "CREATE TABLE [my t] ( -- people\n\
    id INTEGER PRIMARY KEY AUTOINCREMENT, /* the, key */\n\
    \"na,me\" VARCHAR(10, 2) CONSTRAINT nn NOT NULL ON CONFLICT FAIL COLLATE NOCASE,\n\
    age DEFAULT (1 + (2)) CHECK (age NOT NULL AND age > 0) NULL, -- last, of the plain\n\
    up TEXT GENERATED ALWAYS AS (upper(\"na,me\")) STORED NOT NULL,\n\
    boss INT DEFAULT NULL REFERENCES [my t] ON DELETE SET NULL NOT DEFERRABLE,\n\
    CONSTRAINT \"c 1\" CHECK (age <> 7), UNIQUE (age, boss) -- end\n) STRICT";

fn edited(edit: impl Fn(&mut CreateTable) -> Result<(), EditError>) -> String {
    let mut table = CreateTable::parse(QUIRKY).unwrap();
    edit(&mut table).unwrap();
    table.text("t")
}

#[test]
fn an_untouched_text_comes_back() {
    let text = edited(|_| Ok(()));
    assert_eq!(
        text.replacen("CREATE TABLE t (", "CREATE TABLE [my t] (", 1),
        QUIRKY
    );
}

#[test]
fn not_null_goes_in_and_out_by_its_own() {
    let text = edited(|t| t.set_not_null("age"));
    assert!(
        text.contains("age DEFAULT (1 + (2)) CHECK (age NOT NULL AND age > 0) NOT NULL, -- last"),
        "{text}"
    );
    let text = edited(|t| t.drop_not_null("na,me"));
    assert!(
        text.contains("\"na,me\" VARCHAR(10, 2) COLLATE NOCASE,"),
        "{text}"
    );
    let text = edited(|t| t.drop_not_null("UP"));
    assert!(
        text.contains("up TEXT GENERATED ALWAYS AS (upper(\"na,me\")) STORED,"),
        "{text}"
    );
    let text = edited(|t| t.set_not_null("boss"));
    assert!(
        text.contains("DEFAULT NULL REFERENCES [my t] ON DELETE SET NULL NOT DEFERRABLE NOT NULL,"),
        "{text}"
    );
}

#[test]
fn defaults_are_replaced_whole() {
    let text = edited(|t| t.set_default("age", "-5"));
    assert!(
        text.contains("age CHECK (age NOT NULL AND age > 0) NULL DEFAULT -5, -- last"),
        "{text}"
    );
    let text = edited(|t| t.drop_default("boss"));
    assert!(text.contains("boss INT REFERENCES [my t]"), "{text}");
    let text = edited(|t| t.set_default("boss", "abs(3)"));
    assert!(text.contains("NOT DEFERRABLE DEFAULT (abs(3)),"), "{text}");
}

#[test]
fn foreign_keys_have_the_names_that_they_were_given() {
    let table = CreateTable::parse(
        "CREATE TABLE t (a INT CONSTRAINT nn NOT NULL CONSTRAINT a_fk REFERENCES p, b, c, \
         d REFERENCES p, CONSTRAINT \"b c\" FOREIGN KEY (B, \"c\") REFERENCES [p 2] (x, y))",
    )
    .unwrap();
    let name = |columns: &[&str], target| {
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        table.foreign_key_name(&columns, target)
    };
    assert_eq!(name(&["a"], "p").as_deref(), Some("a_fk"));
    assert_eq!(name(&["b", "c"], "p 2").as_deref(), Some("b c"));
    assert_eq!(name(&["d"], "p"), None);
    assert_eq!(name(&["b"], "p 2"), None);
}

#[test]
fn a_type_is_replaced_whole() {
    let text = edited(|t| t.set_type("na,me", "TEXT"));
    assert!(
        text.contains("\"na,me\" TEXT CONSTRAINT nn NOT NULL ON CONFLICT FAIL"),
        "{text}"
    );
    let text = edited(|t| t.set_type("age", "BIGINT"));
    assert!(text.contains("age BIGINT DEFAULT (1 + (2))"), "{text}");
}

#[test]
fn columns_and_constraints_come_and_go() {
    let text = edited(|t| t.drop_constraint("c 1"));
    assert!(!text.contains("<> 7") && text.contains("UNIQUE (age, boss)"));
    let text = edited(|t| t.drop_constraint("nn"));
    assert!(text.contains("VARCHAR(10, 2) COLLATE NOCASE"), "{text}");
    let text = edited(|t| {
        t.add_column("note TEXT");
        t.add_constraint("CHECK (note <> '')");
        Ok(())
    });
    assert!(text.contains("NOT DEFERRABLE, note TEXT,\n"), "{text}");
    assert!(
        text.ends_with("UNIQUE (age, boss) -- end\n, CHECK (note <> '')) STRICT"),
        "{text}"
    );
    let text = edited(|t| t.drop_column("up"));
    assert!(!text.contains("GENERATED"), "{text}");
}

#[test]
fn what_hangs_on_a_column_is_seen() {
    let table = CreateTable::parse(QUIRKY).unwrap();
    assert!(table.is_named_elsewhere("age"));
    assert!(table.is_named_elsewhere("na,me"));
    assert!(!table.is_named_elsewhere("up"));
    assert!(table.is_key_by_itself("boss") && table.is_key_by_itself("id"));
    assert!(!table.is_key_by_itself("age"));
    assert!(table.autoincrement() && !table.without_rowid());
    let bare = CreateTable::parse("CREATE TABLE 't'('a' PRIMARY KEY)WITHOUT ROWID").unwrap();
    assert!(bare.without_rowid());
    assert_eq!(
        bare.text("t"),
        "CREATE TABLE t ('a' PRIMARY KEY)WITHOUT ROWID"
    );
}

#[test]
fn what_cannot_be_read_is_not_edited() {
    for sql in [
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "CREATE TABLE t (a",
        "SELECT 1",
    ] {
        assert_eq!(CreateTable::parse(sql), Err(EditError::Unreadable));
    }
    let mut table = CreateTable::parse("CREATE TABLE t (a)").unwrap();
    assert_eq!(
        table.set_not_null("b"),
        Err(EditError::NoColumn("b".into()))
    );
    assert_eq!(
        table.drop_column("a"),
        Err(EditError::LastColumn("a".into()))
    );
}
