//! The command tree, as `bellows --help` shows it.

mod backup;

use std::net::SocketAddr;
use std::path::PathBuf;

use bellows::document::{Engine, Shape};
use bellows::run::Signal;
use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use backup::{
    Backup, BackupCreate, BackupList, BackupRemove, BackupRestore, CopyList, CopyRemove,
};

use super::fields::{self, PatternFields};

/// Changes the schema of a live database without downtime.
#[derive(Debug, Parser)]
#[command(name = "bellows", version, propagate_version = true)]
#[command(
    after_help = "Exit status: 0 safe or done, 1 unsafe or failed, 2 the input is wrong, \
    3 stopped where it can go on."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where Bellows keeps its own records.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "BELLOWS_DATA_DIR",
        overrides_with = "data_dir"
    )]
    pub data_dir: Option<PathBuf>,
}

/// The first word.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the page.
    Serve(Serve),
    /// Write, judge and run migrations.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Take backups and restore them.
    #[command(subcommand)]
    Backup(Backup),
    /// What runs left behind on a database, and a document that takes it away.
    Leftovers(Leftovers),
    /// The record of who did what.
    #[command(subcommand)]
    Audit(Audit),
    /// Print the JSON Schema of the migration document.
    Schema,
}

/// `bellows serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The address to listen on; of several the last one, so that `make run` can be given another.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:3000",
        overrides_with = "addr"
    )]
    pub addr: SocketAddr,
    /// Keep the records in this PostgreSQL database, not in the data directory.
    #[arg(
        long,
        value_name = "URL",
        env = "BELLOWS_STORE",
        hide_env_values = true
    )]
    pub store: Option<String>,
    /// The address under which people reach this server through a proxy: https://HOST.
    #[arg(long, value_name = "URL", env = "BELLOWS_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// With sample databases, people and migrations to try everything with.
    #[arg(long)]
    pub demo: bool,
}

/// `bellows migrate ...`.
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Write a new document, empty or from patterns.
    Create(Create),
    /// Write a document from a pattern.
    Generate(Generate),
    /// Show the statements, their locks, the risks and the estimates.
    Plan(Plan),
    /// Judge whether documents are safe; or ask the checks of an execution again.
    Verify(Verify),
    /// Run a migration, or go on with one where it stopped.
    Apply(Apply),
    /// Take back the phases of an execution that are done, last first.
    Rollback(Rollback),
    /// The last execution, and how all of them went.
    Status(Status),
    /// The documents of a folder; with --all the migrations that were applied.
    List(List),
    /// All executions, newest first.
    History(History),
}

/// `bellows migrate create`.
#[derive(Debug, Args)]
pub struct Create {
    /// The migration's name: letters, digits and dashes.
    pub name: String,
    /// Begin with the phases of these patterns, in this order.
    #[arg(long = "type", value_name = "PATTERN", value_parser = fields::pattern)]
    pub types: Vec<&'static Shape>,
    #[command(flatten)]
    pub document: NewDocument,
}

/// `bellows migrate generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// The pattern.
    #[arg(help = format!("One of {}", fields::pattern_names()), value_parser = fields::pattern)]
    pub pattern: &'static Shape,
    #[command(flatten)]
    pub document: NewDocument,
}

/// Where a new document goes, and what a pattern needs to know.
#[derive(Debug, Args)]
pub struct NewDocument {
    /// The engine it is for; the target's where one is given.
    #[arg(long, value_name = "ENGINE", value_enum)]
    pub database: Option<EngineWord>,
    /// The file to write, `-` for standard output
    /// [default: migrations/YYYYMMDD_name_with_underscores.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Look at this database for what hangs on a column.
    #[command(flatten)]
    pub target: TargetOption,
    /// What the pattern's form asks for.
    #[command(flatten)]
    pub fields: PatternFields,
}

/// `bellows migrate plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The document.
    pub file: PathBuf,
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows migrate verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Documents, and files of SQL (`.sql`).
    #[arg(required_unless_present = "execution", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Ask the checks of this execution's phases that are done once more.
    #[arg(long, value_name = "ID", conflicts_with = "files")]
    pub execution: Option<String>,
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub sql: SqlOptions,
    #[command(flatten)]
    pub fix: FixOptions,
    /// For people, for programs, or for code scanning.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = VerdictFormat::Text)]
    pub format: VerdictFormat,
}

/// What files of SQL do not say themselves.
#[derive(Debug, Args)]
pub struct SqlOptions {
    /// The engine of .sql files; the target's where one is given [default: postgresql]
    #[arg(long, value_name = "ENGINE", value_enum)]
    pub database: Option<EngineWord>,
    /// Each .sql file is run in one transaction.
    #[arg(long)]
    pub in_transaction: bool,
    /// The version of the server that .sql files are for (17, 8.0.36); the target's where one is
    /// given.
    #[arg(long, value_name = "VERSION")]
    pub server_version: Option<String>,
    /// SQL that has made what is there when a .sql file runs: a dump of the schema.
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
}

/// Whether and where findings' fixes are applied.
#[derive(Debug, Args)]
pub struct FixOptions {
    /// Put the safe sequence in place of what is unsafe, where there is one: a document is changed,
    /// and a .sql file gets a document beside it.
    #[arg(long, conflicts_with = "execution")]
    pub fix: bool,
    /// Where the fixed document goes, `-` for standard output.
    #[arg(short, long, value_name = "FILE", requires = "fix")]
    pub output: Option<PathBuf>,
}

/// `bellows migrate apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The document.
    pub file: PathBuf,
    #[command(flatten)]
    pub target: TargetOption,
    /// Run this phase alone.
    #[arg(long, value_name = "N")]
    pub phase: Option<u32>,
    /// Show what would be run, and run nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Run phases that destroy values without a backup. Recorded.
    #[arg(long)]
    pub skip_backup: bool,
    /// Take a backup before the first phase, too, of the whole database or of the tables that are
    /// touched; without this: of the tables, before phases that destroy values.
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with = "skip_backup")]
    pub backup: Option<BackupScope>,
    /// Answer yes to questions. Neither confirms a gate nor shortens a soak.
    #[arg(short, long)]
    pub yes: bool,
    /// Confirm the deploy gates on the way: this version is deployed. Recorded.
    #[arg(long, value_name = "VERSION")]
    pub confirm_gates: Option<String>,
    /// Do not wait for soak times. Recorded.
    #[arg(long)]
    pub skip_soak: bool,
    /// Begin a contract phase although what it takes away is still used, for this reason. Recorded.
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub despite_use: Option<String>,
    /// Stop before a table or column changes places with another one, and before a contract phase,
    /// until this is run again with --go.
    #[arg(long)]
    pub hold_cut_over: bool,
    /// Go on with what is held. Recorded.
    #[arg(long)]
    pub go: bool,
    /// Milliseconds that a statement which blocks others may take, in place of the document's.
    #[arg(long, value_name = "MS")]
    pub timeout: Option<u64>,
    /// Sessions that walk a large table at the same time; 0 is one that rests as long as it works.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(crate::executor::WORKERS)))]
    pub workers: u32,
    #[arg(long, value_name = "SIGNAL=LIMIT", value_parser = bellows::run::parse_throttle)]
    #[arg(help = throttle_help())]
    pub throttle: Vec<(Signal, Option<u64>)>,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows leftovers`.
#[derive(Debug, Args)]
pub struct Leftovers {
    #[command(flatten)]
    pub target: TargetOption,
    /// Write the document that takes away what no unfinished execution will to this new file.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub format: FormatOption,
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackupScope {
    /// The whole database.
    Whole,
    /// The tables that the migration touches.
    Tables,
}

/// `bellows migrate rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The execution's id.
    pub execution: String,
    #[command(flatten)]
    pub target: TargetOption,
    /// Take back this phase alone, the last one done.
    #[arg(long, value_name = "N")]
    pub phase: Option<u32>,
    /// Answer yes to questions.
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows migrate status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows migrate list`.
#[derive(Debug, Args)]
pub struct List {
    /// The folder with the documents.
    #[arg(long, value_name = "DIR", default_value = "migrations")]
    pub dir: PathBuf,
    /// The migrations that were applied, whether their document is in the folder or not.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows migrate history`.
#[derive(Debug, Args)]
pub struct History {
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows audit ...`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Audit {
    /// Walk the whole chain and name the first entry that is broken.
    Verify,
    /// Print every entry as JSON, one a line, oldest first.
    Export,
}

/// `--target`.
#[derive(Clone, Debug, Args)]
pub struct TargetOption {
    /// The database: postgres://USER:PASSWORD@HOST/DATABASE, mysql:// or mariadb:// likewise, or
    /// sqlite:PATH.
    #[arg(
        id = "target_url",
        long = "target",
        value_name = "URL",
        env = "BELLOWS_TARGET",
        hide_env_values = true
    )]
    pub url: Option<String>,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Args)]
pub struct FormatOption {
    /// For people or for programs.
    #[arg(
        id = "output_format",
        long = "format",
        value_name = "FORMAT",
        value_enum
    )]
    #[arg(default_value_t = Format::Text)]
    pub format: Format,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How a verdict is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerdictFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// An engine, by the document's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineWord(pub Engine);

impl ValueEnum for EngineWord {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [EngineWord; Engine::ALL.len()] = {
            let mut all = [EngineWord(Engine::ALL[0]); Engine::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = EngineWord(Engine::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.word()))
    }
}

/// What `--throttle` takes.
fn throttle_help() -> String {
    let signals: Vec<String> = Signal::ALL
        .iter()
        .map(|signal| {
            let usual = signal.usual();
            let usual = usual.map_or_else(|| "off".to_owned(), |limit| limit.to_string());
            format!("{}={usual}{}", signal.word(), signal.unit())
        })
        .collect();
    format!(
        "From where on a signal of the target holds batches back, or `off`; can be given for \
         several. As they are: {}",
        signals.join(", ")
    )
}
