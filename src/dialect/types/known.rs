//! The lists of types that the engines have.

use crate::document::Engine;

const POSTGRESQL: &[&str] = &[
    "\"char\"",
    "bigint",
    "bigserial",
    "bit",
    "bit varying",
    "boolean",
    "box",
    "bpchar",
    "bytea",
    "character",
    "character varying",
    "cidr",
    "circle",
    "date",
    "datemultirange",
    "daterange",
    "double precision",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "integer",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "real",
    "regclass",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "serial",
    "smallint",
    "smallserial",
    "text",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "uuid",
    "xid",
    "xml",
];

/// What people write of PostgreSQL's types, for finding the nearest.
const POSTGRESQL_NAMES: &[&str] = &[
    "bigint",
    "bigserial",
    "bit",
    "bit varying",
    "bool",
    "boolean",
    "bytea",
    "char",
    "character",
    "character varying",
    "cidr",
    "date",
    "daterange",
    "decimal",
    "double precision",
    "float4",
    "float8",
    "inet",
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "interval",
    "json",
    "jsonb",
    "macaddr",
    "money",
    "numeric",
    "point",
    "real",
    "serial",
    "smallint",
    "smallserial",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "tsquery",
    "tsvector",
    "uuid",
    "varbit",
    "varchar",
    "xml",
];

const POSTGRESQL_OFFERED: &[&str] = &[
    "bigint",
    "boolean",
    "bytea",
    "char(1)",
    "date",
    "daterange",
    "double precision",
    "inet",
    "integer",
    "interval",
    "json",
    "jsonb",
    "numeric(12,2)",
    "real",
    "smallint",
    "text",
    "text[]",
    "time",
    "timestamp",
    "timestamptz",
    "tsvector",
    "uuid",
    "varchar(255)",
    "xml",
];

/// Types that widely used extensions of PostgreSQL bring.
const EXTENSIONS: &[&str] = &[
    "citext",
    "cube",
    "geography",
    "geometry",
    "halfvec",
    "hstore",
    "isbn",
    "lquery",
    "ltree",
    "ltxtquery",
    "raster",
    "roaringbitmap",
    "seg",
    "sparsevec",
    "vector",
];

/// Words whose affinity SQLite tells by a part of them, and those that people write for NUMERIC.
const SQLITE_PARTS: &[&str] = &[
    "int", "char", "clob", "text", "blob", "real", "floa", "doub",
];

const SQLITE: &[&str] = &[
    "",
    "any",
    "bool",
    "boolean",
    "date",
    "datetime",
    "decimal",
    "json",
    "jsonb",
    "numeric",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
];

const SQLITE_OFFERED: &[&str] = &[
    "BIGINT", "BLOB", "BOOLEAN", "DATE", "DATETIME", "INTEGER", "NUMERIC", "REAL", "TEXT",
];

const SQLITE_NAMES: &[&str] = &[
    "BIGINT",
    "BLOB",
    "BOOLEAN",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "JSON",
    "NUMERIC",
    "REAL",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "UUID",
    "VARCHAR",
];

/// MySQL's and MariaDB's, in their long spellings and the short ones.
const MYSQL: &[&str] = &[
    "bigint",
    "binary",
    "bit",
    "blob",
    "bool",
    "boolean",
    "char",
    "char varying",
    "character",
    "character varying",
    "date",
    "datetime",
    "dec",
    "decimal",
    "double",
    "double precision",
    "enum",
    "fixed",
    "float",
    "float4",
    "float8",
    "geometry",
    "geometrycollection",
    "int",
    "int1",
    "int2",
    "int3",
    "int4",
    "int8",
    "integer",
    "json",
    "linestring",
    "long",
    "long varbinary",
    "long varchar",
    "longblob",
    "longtext",
    "mediumblob",
    "mediumint",
    "mediumtext",
    "middleint",
    "multilinestring",
    "multipoint",
    "multipolygon",
    "national char",
    "national character",
    "national varchar",
    "nchar",
    "numeric",
    "nvarchar",
    "point",
    "polygon",
    "real",
    "set",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyblob",
    "tinyint",
    "tinytext",
    "varbinary",
    "varchar",
    "year",
];

/// What MariaDB has beside them.
const MARIADB: &[&str] = &["inet4", "inet6", "number", "uuid", "varchar2", "xmltype"];

const MYSQL_NAMES: &[&str] = &[
    "bigint",
    "binary",
    "bit",
    "blob",
    "boolean",
    "char",
    "date",
    "datetime",
    "decimal",
    "double",
    "enum",
    "float",
    "int",
    "integer",
    "json",
    "longblob",
    "longtext",
    "mediumint",
    "mediumtext",
    "numeric",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyint",
    "tinytext",
    "varbinary",
    "varchar",
    "year",
];

const MYSQL_OFFERED: &[&str] = &[
    "BIGINT",
    "BIGINT UNSIGNED",
    "BINARY(16)",
    "BLOB",
    "BOOLEAN",
    "CHAR(36)",
    "DATE",
    "DATETIME(6)",
    "DECIMAL(12,2)",
    "DOUBLE",
    "INT",
    "INT UNSIGNED",
    "JSON",
    "LONGTEXT",
    "MEDIUMTEXT",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TINYINT",
    "VARBINARY(255)",
    "VARCHAR(255)",
];

const MARIADB_OFFERED: &[&str] = &[
    "BIGINT",
    "BIGINT UNSIGNED",
    "BINARY(16)",
    "BLOB",
    "BOOLEAN",
    "CHAR(36)",
    "DATE",
    "DATETIME(6)",
    "DECIMAL(12,2)",
    "DOUBLE",
    "INET6",
    "INT",
    "INT UNSIGNED",
    "JSON",
    "LONGTEXT",
    "MEDIUMTEXT",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TINYINT",
    "UUID",
    "VARBINARY(255)",
    "VARCHAR(255)",
];

pub(super) fn offered(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::MySql => MYSQL_OFFERED,
        Engine::MariaDb => MARIADB_OFFERED,
        Engine::PostgreSql => POSTGRESQL_OFFERED,
        Engine::Sqlite => SQLITE_OFFERED,
    }
}

/// The names that a slip may have been meant to be.
pub(super) fn names(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::MySql | Engine::MariaDb => MYSQL_NAMES,
        Engine::PostgreSql => POSTGRESQL_NAMES,
        Engine::Sqlite => SQLITE_NAMES,
    }
}

/// Whether the engine itself has that type.
pub(super) fn has(engine: Engine, base: &str) -> bool {
    match engine {
        Engine::PostgreSql => POSTGRESQL.contains(&base),
        Engine::MySql => MYSQL.contains(&base),
        Engine::MariaDb => MYSQL.contains(&base) || MARIADB.contains(&base),
        Engine::Sqlite => {
            // A slip such as INTERGER holds INT, and is an integer to SQLite.
            let first = base.split(' ').next().unwrap_or_default();
            SQLITE.contains(&first) || SQLITE_PARTS.iter().any(|part| base.contains(part))
        }
    }
}

pub(super) fn is_extension(engine: Engine, base: &str) -> bool {
    engine == Engine::PostgreSql && EXTENSIONS.contains(&base)
}

/// How many values the type takes in parentheses.
pub(super) fn arguments(engine: Engine, base: &str) -> usize {
    match engine {
        Engine::PostgreSql => match base {
            "numeric" => 2,
            "bit"
            | "bit varying"
            | "bpchar"
            | "character"
            | "character varying"
            // float(24) is real, float(53) double precision.
            | "double precision"
            | "interval"
            | "time with time zone"
            | "time without time zone"
            | "timestamp with time zone"
            | "timestamp without time zone" => 1,
            _ => 0,
        },
        Engine::MySql | Engine::MariaDb => match base {
            "enum" | "set" => usize::MAX,
            "decimal" | "dec" | "numeric" | "fixed" | "float" | "double" | "double precision"
            | "real" | "number" => 2,
            "date" | "json" | "boolean" | "bool" | "geometry" | "point" | "uuid" | "inet4"
            | "inet6" => 0,
            _ => 1,
        },
        // SQLite reads over them.
        Engine::Sqlite => usize::MAX,
    }
}
