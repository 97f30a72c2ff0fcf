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
fn constraints_go_by_their_names_or_by_what_they_are() {
    let table = CreateTable::parse(
        "CREATE TABLE \"t\" (a INT CONSTRAINT nn NOT NULL CONSTRAINT a_fk REFERENCES p, b UNIQUE ON \
         CONFLICT replace /* why */ CHECK (b > 0) check (b < 9), c DEFAULT 1, \
         d REFERENCES p ( x ) on delete set null deferrable initially deferred, 'e f' PRIMARY KEY, \
         CONSTRAINT \"b c\" FOREIGN KEY (B, \"c\") REFERENCES [p 2] (x, y), \
         UNIQUE (a, c COLLATE NOCASE), CHECK (a <> c -- both\n))",
    )
    .unwrap();
    let lines: Vec<String> = table
        .constraints()
        .iter()
        .map(|c| {
            let k = &c.constraint;
            format!("{} {} {} {:?}", k.name, c.named, k.definition, k.columns)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    a_fk true FOREIGN KEY ("a") REFERENCES "p" ["a"]
    t_b_key false UNIQUE ("b") ON CONFLICT REPLACE ["b"]
    t_b_check false CHECK (b > 0) ["b"]
    t_b_check1 false CHECK (b < 9) ["b"]
    t_d_fkey false FOREIGN KEY ("d") REFERENCES "p" ("x") ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED ["d"]
    b c true FOREIGN KEY ("B", "c") REFERENCES "p 2" ("x", "y") ["B", "c"]
    t_a_c_key false UNIQUE (a, c COLLATE NOCASE) ["a", "c"]
    t_a_c_check false CHECK (a <> c ) ["a", "c"]
    "#);
}

#[test]
fn what_has_no_name_is_dropped_by_what_it_is_and_the_rest_keeps_its_name() {
    let table =
        "CREATE TABLE t (a INT CHECK (a > 0) CHECK (a > 1) NOT NULL, CHECK (a > 2), b UNIQUE)";
    let dropped = |names: &[&str]| {
        let mut text = CreateTable::parse(table).unwrap();
        for name in names {
            text.drop_constraint(name).unwrap();
        }
        text.text("t")
    };
    assert_eq!(
        dropped(&["t_b_key", "T_A_Check"]),
        "CREATE TABLE t (a INT CONSTRAINT t_a_check1 CHECK (a > 1) NOT NULL, CONSTRAINT t_a_check2 CHECK (a > 2), b)"
    );
    assert_eq!(
        dropped(&["t_a_check", "t_a_check2", "t_a_check1"]),
        "CREATE TABLE t (a INT NOT NULL, b UNIQUE)"
    );
    let none = CreateTable::parse(table).unwrap().drop_constraint("x");
    assert_eq!(
        none.unwrap_err().to_string(),
        "its definition has no constraint x; there is t_a_check (CHECK (a > 0)), t_a_check1 (CHECK (a > 1)), t_a_check2 (CHECK (a > 2)), t_b_key (UNIQUE (\"b\"))"
    );
}

#[test]
fn columns_called_by_the_tables_name_do_not_depend_on_it() {
    let table = CreateTable::parse(
        "CREATE TABLE t (a INT CHECK (t.a > 0 AND \"T\" . a < 9 /* t.a */), t INT, CHECK (t.t <> 't.a'))",
    )
    .unwrap();
    assert!(
        table
            .calls_itself()
            .is_some_and(|item| item.starts_with("a INT"))
    );
    assert_eq!(
        table.text("new"),
        "CREATE TABLE new (a INT CHECK (a > 0 AND  a < 9 /* t.a */), t INT, CHECK (t <> 't.a'))"
    );
    assert!(table.text("t").contains("(t.a > 0 AND"));
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
