//! What a backfill costs the application beside it: the executor's own, against one UPDATE and
//! against the loops that people write by hand, on a real PostgreSQL with pgbench at a fixed rate.
//!
//! `scripts/bench-backfill` runs it on a throwaway server and prints a table. Only the ratios
//! within one run mean something, and only on a machine that does nothing else.
//!
//! The application's times are counted from when a transaction was due, for all that were due
//! while the work went on: one that waits makes the next ones late, and they are counted so.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bellows::run::EventKind;
use bellows_server::executor::{
    self, EventSink, NewExecution, Outcome, RunOptions, SinkError, control,
};
use bellows_server::target::{Target, TargetUrl};
use sqlx::{Connection, Executor, PgConnection, Row};

/// What is done to the table.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Nothing: what the application has without.
    Idle,
    /// One UPDATE of all rows.
    Update,
    /// The guides' loop: a thousand numbers of the key, COMMIT, a rest of 0.1 s.
    Loop,
    /// The same without its rest.
    LoopAtOnce,
    /// The guides' other loop: WHERE id IN (SELECT ... LIMIT 1000).
    Limit,
    /// Ours, with so many sessions.
    Ours(u32),
    /// Ours on a table that was never analysed.
    NeverAnalysed,
    /// Ours on a table without a key.
    Keyless,
    /// One UPDATE where a third index has few values, each in rows all over the table.
    UpdateFew,
    /// Ours there.
    Few,
}

impl Way {
    const ALL: [Way; 12] = [
        Way::Idle,
        Way::Update,
        Way::Ours(1),
        Way::Ours(2),
        Way::Ours(4),
        Way::NeverAnalysed,
        Way::Keyless,
        Way::LoopAtOnce,
        Way::Limit,
        Way::Loop,
        Way::UpdateFew,
        Way::Few,
    ];

    /// What its speed is held against.
    fn against(self) -> Way {
        match self {
            Way::UpdateFew | Way::Few => Way::UpdateFew,
            Way::Idle
            | Way::Update
            | Way::Loop
            | Way::LoopAtOnce
            | Way::Limit
            | Way::Ours(_)
            | Way::NeverAnalysed
            | Way::Keyless => Way::Update,
        }
    }

    fn title(self) -> String {
        match self {
            Way::Idle => "nothing".into(),
            Way::Update => "one UPDATE".into(),
            Way::Loop => "DO loop, 1,000 keys, rest of 0.1 s".into(),
            Way::LoopAtOnce => "the same without the rest".into(),
            Way::Limit => "DO loop, IN (SELECT ... LIMIT 1000)".into(),
            Way::Ours(1) => "Bellows, 1 session".into(),
            Way::Ours(n) => format!("Bellows, {n} sessions"),
            Way::NeverAnalysed => "Bellows, never analysed".into(),
            Way::Keyless => "Bellows, no key".into(),
            Way::UpdateFew => "one UPDATE, a third index of few values".into(),
            Way::Few => "Bellows, a third index of few values".into(),
        }
    }
}

/// What one run of a way gave.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    rows_per_second: f64,
    p50: f64,
    p99: f64,
    longest: f64,
}

/// How long the application is looked at where nothing is done.
const IDLE: Duration = Duration::from_secs(8);

/// The application before the work begins, and after it.
const MARGIN: Duration = Duration::from_secs(2);

struct Settings {
    server: String,
    rows: Vec<u64>,
    rate: u32,
    runs: usize,
    only: Vec<String>,
}

fn main() {
    let settings = match settings() {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("{message}");
            std::process::exit(2);
        }
    };
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        eprintln!("no runtime");
        std::process::exit(1);
    };
    if let Err(error) = runtime.block_on(bench(&settings)) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

/// `--rows 100000,1000000 --rate 200 --runs 3 --only WORDS`; what cargo adds is passed over.
fn settings() -> Result<Settings, String> {
    let mut settings = Settings {
        server: std::env::var("BELLOWS_TEST_POSTGRES").map_err(|_| {
            "BELLOWS_TEST_POSTGRES is not set: run scripts/bench-backfill".to_owned()
        })?,
        rows: vec![100_000, 1_000_000],
        rate: 200,
        runs: 3,
        only: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        let number = |text: String| {
            text.replace('_', "")
                .parse::<u64>()
                .map_err(|_| format!("{text} is no number"))
        };
        match argument.as_str() {
            "--rows" => {
                settings.rows = value()?
                    .split(',')
                    .map(|text| number(text.to_owned()))
                    .collect::<Result<_, _>>()?;
            }
            "--rate" => settings.rate = u32::try_from(number(value()?)?).unwrap_or(200),
            "--runs" => settings.runs = usize::try_from(number(value()?)?).unwrap_or(3).max(1),
            "--only" => settings.only.push(value()?),
            "--bench" => {}
            other => return Err(format!("what is {other}?")),
        }
    }
    Ok(settings)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn bench(settings: &Settings) -> Result<(), Failure> {
    let mut admin = PgConnection::connect(&settings.server).await?;
    // The server's own work must not differ from run to run.
    for sql in [
        "ALTER SYSTEM SET max_wal_size = '4GB'",
        "ALTER SYSTEM SET checkpoint_timeout = '30min'",
        "ALTER SYSTEM SET autovacuum = off",
        "SELECT pg_reload_conf()",
    ] {
        admin.execute(sql).await?;
    }
    println!(
        "pgbench at {} transactions a second beside it; medians of {}; load of the machine {}",
        settings.rate,
        settings.runs,
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim()
    );
    for rows in &settings.rows {
        let ways: Vec<Way> = Way::ALL
            .into_iter()
            .filter(|way| {
                let title = way.title();
                settings.only.is_empty()
                    || matches!(way, Way::Idle | Way::Update)
                    || settings
                        .only
                        .iter()
                        .any(|word| title.contains(word.as_str()))
            })
            .collect();
        let mut all: Vec<Vec<Measured>> = vec![Vec::new(); ways.len()];
        // All ways of a round after one another: what the machine does meanwhile meets all.
        for _ in 0..settings.runs {
            for (way, list) in ways.iter().zip(&mut all) {
                list.push(once(settings, *way, *rows).await?);
            }
        }
        print(*rows, &ways, &all);
    }
    Ok(())
}

/// One way on a database made fresh.
async fn once(settings: &Settings, way: Way, rows: u64) -> Result<Measured, Failure> {
    let name = "bellows_bench";
    let mut admin = PgConnection::connect(&settings.server).await?;
    admin
        .execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)").as_str())
        .await?;
    admin
        .execute(format!("CREATE DATABASE {name}").as_str())
        .await?;
    let base = settings
        .server
        .rsplit_once('/')
        .map_or("", |(base, _)| base);
    let url = format!("{base}/{name}");
    let mut conn = PgConnection::connect(&url).await?;
    conn.execute(
        format!(
            "CREATE TABLE t (id int NOT NULL, owner int NOT NULL, kind int NOT NULL,
                             at timestamptz NOT NULL,
                             a int NOT NULL, n int NOT NULL, pad text NOT NULL, filled int);
             INSERT INTO t SELECT i, hashint4(i), i % 10000, now() - i * interval '1 second', i, 0,
                                  repeat('x', 40), NULL FROM generate_series(1, {rows}) i;
             {}
             {}
             CREATE INDEX t_owner ON t (owner); CREATE INDEX t_at ON t (at);",
            // The application finds its rows in either case.
            if way == Way::Keyless {
                "CREATE INDEX t_id ON t (id);"
            } else {
                "ALTER TABLE t ADD PRIMARY KEY (id);"
            },
            if matches!(way, Way::UpdateFew | Way::Few) {
                "CREATE INDEX t_kind ON t (kind);"
            } else {
                ""
            }
        )
        .as_str(),
    )
    .await?;
    conn.execute(if way == Way::NeverAnalysed {
        "CHECKPOINT"
    } else {
        "VACUUM ANALYZE t"
    })
    .await?;
    conn.execute("CHECKPOINT").await?;
    let dir = std::env::temp_dir().join(format!("bellows-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let application = Application::start(settings.rate, rows, &url, &dir)?;
    tokio::time::sleep(MARGIN).await;
    let began = SystemTime::now();
    work(way, &url, rows).await?;
    let ended = SystemTime::now();
    tokio::time::sleep(MARGIN).await;
    let mut times = application.stop(began, ended)?;
    std::fs::remove_dir_all(&dir)?;
    if way != Way::Idle {
        let left: i64 = conn
            .fetch_one("SELECT count(*) FROM t WHERE filled IS DISTINCT FROM a * 2")
            .await?
            .get(0);
        if left != 0 {
            return Err(format!("{}: {left} rows are not filled", way.title()).into());
        }
    }
    times.sort_by(f64::total_cmp);
    let seconds = ended.duration_since(began)?.as_secs_f64();
    Ok(Measured {
        rows_per_second: if way == Way::Idle {
            0.0
        } else {
            rows as f64 / seconds
        },
        p50: quantile(&times, 0.5),
        p99: quantile(&times, 0.99),
        longest: times.last().copied().unwrap_or_default(),
    })
}

async fn work(way: Way, url: &str, rows: u64) -> Result<(), Failure> {
    let sql = match way {
        Way::Idle => {
            tokio::time::sleep(IDLE).await;
            return Ok(());
        }
        Way::Update | Way::UpdateFew => {
            "UPDATE t SET filled = a * 2 WHERE filled IS NULL".to_owned()
        }
        Way::Loop => by_key(rows, "PERFORM pg_sleep(0.1);"),
        Way::LoopAtOnce => by_key(rows, ""),
        Way::Limit => "DO $$ DECLARE n int; BEGIN LOOP
                UPDATE t SET filled = a * 2
                 WHERE id IN (SELECT id FROM t WHERE filled IS NULL LIMIT 1000);
                GET DIAGNOSTICS n = ROW_COUNT; EXIT WHEN n = 0; COMMIT;
            END LOOP; END $$"
            .to_owned(),
        Way::Ours(workers) => return ours(url, workers).await,
        Way::NeverAnalysed | Way::Keyless | Way::Few => return ours(url, 1).await,
    };
    PgConnection::connect(url)
        .await?
        .execute(sql.as_str())
        .await?;
    Ok(())
}

/// The guides' loop; it ends by the last number here, not at the first gap.
fn by_key(rows: u64, rest: &str) -> String {
    format!(
        "DO $$ DECLARE last int := 0; BEGIN WHILE last < {rows} LOOP
            UPDATE t SET filled = a * 2
             WHERE id > last AND id <= last + 1000 AND filled IS NULL;
            last := last + 1000; COMMIT; {rest}
        END LOOP; END $$"
    )
}

/// The executor as the server and the command line run it, with its records, signals and events.
async fn ours(url: &str, workers: u32) -> Result<(), Failure> {
    let yaml = "
migration:
  name: bench
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: backfill, table: t, sql: filled = a * 2, where: filled IS NULL}
";
    let url: TargetUrl = url.parse()?;
    let target = Target::connect(&url).await?;
    let document = bellows::document::parse(yaml).map_err(|error| format!("{error:?}"))?;
    let schema = executor::planning_schema(&target, &document).await?;
    let plan =
        bellows::plan::plan(&document, Some(&schema)).map_err(|error| format!("{error:?}"))?;
    let opened = executor::open(
        &target,
        NewExecution {
            id: uuid::Uuid::now_v7().to_string(),
            migration: document.name.clone(),
            document: yaml.to_owned(),
            plan,
            planned_on: None,
            by: "bench".into(),
        },
    )
    .await?;
    let (_sender, receiver) = control();
    let options = RunOptions {
        workers,
        ..RunOptions::new("bench")
    };
    let id = &opened.record.id;
    let outcome = executor::run_phase(&target, id, 1, "bench", &options, &Told, receiver).await?;
    if outcome == Outcome::Completed {
        return Ok(());
    }
    Err(format!("the run ended otherwise: {outcome:?}").into())
}

/// Events are told to whoever runs it, where they say that something held it up.
struct Told;

#[async_trait::async_trait]
impl EventSink for Told {
    async fn append(&self, _execution: &str, event: EventKind) -> Result<(), SinkError> {
        if matches!(
            event,
            EventKind::Throttled { .. } | EventKind::LockWaiting { .. } | EventKind::Notice { .. }
        ) {
            eprintln!("{event:?}");
        }
        Ok(())
    }
}

/// pgbench at work.
struct Application {
    child: Child,
    log: std::path::PathBuf,
}

impl Application {
    /// One row is read and one is changed, at a fixed rate, whatever it takes.
    fn start(rate: u32, rows: u64, url: &str, dir: &Path) -> Result<Self, Failure> {
        let script = dir.join("script.sql");
        std::fs::write(
            &script,
            format!(
                "\\set id random(1, {rows})\nSELECT a FROM t WHERE id = :id;\n\
                 UPDATE t SET n = n + 1 WHERE id = :id;\n"
            ),
        )?;
        let child = Command::new("pgbench")
            .args(["-n", "-c", "4", "-j", "1", "-T", "3600", "-l"])
            .args(["-R", &rate.to_string(), "--log-prefix"])
            .arg(dir.join("log"))
            .arg("-f")
            .arg(&script)
            .arg(url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("pgbench does not run: {error}"))?;
        let log = dir.join(format!("log.{}", child.id()));
        Ok(Self { child, log })
    }

    /// Ends it, and gives in milliseconds what took each transaction that was due in between. Its
    /// log is written in blocks: the last ones, from after the work, are lost with it.
    fn stop(mut self, from: SystemTime, to: SystemTime) -> Result<Vec<f64>, Failure> {
        self.child.kill()?;
        self.child.wait()?;
        let (from, to) = (
            from.duration_since(UNIX_EPOCH)?.as_secs_f64(),
            to.duration_since(UNIX_EPOCH)?.as_secs_f64(),
        );
        let mut times = Vec::new();
        for line in std::fs::read_to_string(&self.log)?.lines() {
            // client, transaction, microseconds since it was due, script, when it was done.
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, _, took, _, second, micro, ..] = fields.as_slice() else {
                continue;
            };
            let (Ok(took), Ok(second), Ok(micro)) = (
                took.parse::<f64>(),
                second.parse::<f64>(),
                micro.parse::<f64>(),
            ) else {
                continue;
            };
            let due = second + micro / 1e6 - took / 1e6;
            if (from..to).contains(&due) {
                times.push(took / 1000.0);
            }
        }
        if times.is_empty() {
            return Err("pgbench did nothing while the work went on".into());
        }
        Ok(times)
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

fn median(list: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<f64> = list.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

fn print(rows: u64, ways: &[Way], all: &[Vec<Measured>]) {
    let of = |way: Way| {
        let place = ways.iter().position(|other| *other == way);
        place
            .and_then(|place| all.get(place))
            .map_or(&[][..], Vec::as_slice)
    };
    let idle = median(of(Way::Idle), |m| m.p99);
    println!("\n{rows} rows, a key and two indexes, one of them scattered\n");
    println!(
        "| beside the application | rows a second | to one UPDATE | p50 ms | p99 ms | to idle | longest ms |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (way, list) in ways.iter().zip(all) {
        let rate = median(list, |m| m.rows_per_second);
        let (p50, p99) = (median(list, |m| m.p50), median(list, |m| m.p99));
        let longest = list.iter().map(|m| m.longest).fold(0.0, f64::max);
        let (speed, share) = if *way == Way::Idle {
            ("–".to_owned(), "–".to_owned())
        } else {
            let other = median(of(way.against()), |m| m.rows_per_second);
            (format!("{rate:.0}"), format!("{:.2}", rate / other))
        };
        println!(
            "| {} | {speed} | {share} | {p50:.1} | {p99:.1} | {:.1} | {longest:.0} |",
            way.title(),
            p99 / idle
        );
    }
}
