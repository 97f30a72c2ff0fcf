//! Where words go: a terminal gets colour and moving bars, a pipe plain lines.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use super::exit::CliError;

/// The output of a command.
pub struct Screen {
    out: Box<dyn Write + Send>,
    colour: bool,
    moving: bool,
    /// Whether the line that the cursor is in is to be written over.
    open_line: bool,
}

/// How a word stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// A heading.
    Strong,
    /// Well.
    Good,
    /// Look here.
    Careful,
    /// Not well.
    Bad,
    /// Beside the point.
    Faint,
}

impl Screen {
    /// Standard output: coloured and moving where it is a terminal that wants it.
    pub fn standard() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            out: Box::new(std::io::stdout()),
            colour: terminal && !plain && !dumb,
            moving: terminal && !dumb,
            open_line: false,
        }
    }

    /// Whether lines can be written over.
    pub fn moves(&self) -> bool {
        self.moving
    }

    /// The words in a tone, where there are colours.
    pub fn tone(&self, tone: Tone, words: &str) -> String {
        let code = match tone {
            Tone::Plain => return words.to_owned(),
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Careful => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        if self.colour {
            format!("\x1b[{code}m{words}\x1b[0m")
        } else {
            words.to_owned()
        }
    }

    /// Writes lines, after the one that moves, if there is one.
    pub fn print(&mut self, text: &str) -> Result<(), CliError> {
        let clear = if self.open_line { "\r\x1b[K" } else { "" };
        self.open_line = false;
        writeln!(self.out, "{clear}{text}")
            .and_then(|()| self.out.flush())
            .map_err(CliError::Output)
    }

    /// Writes the line that moves, over its last state.
    pub fn redraw(&mut self, line: &str) -> Result<(), CliError> {
        self.open_line = true;
        write!(self.out, "\r\x1b[K{line}")
            .and_then(|()| self.out.flush())
            .map_err(CliError::Output)
    }

    /// A value as JSON over several lines.
    pub fn print_json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).map_err(unwritable)?;
        self.print(&text)
    }

    /// A value as JSON in one line.
    pub fn print_json_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(value).map_err(unwritable)?;
        self.print(&text)
    }

    /// The text of a plan or a verdict, which is plain, with colours on what stands out in it.
    pub fn print_report(&mut self, text: &str) -> Result<(), CliError> {
        let coloured: Vec<String> = text
            .trim_end()
            .lines()
            .map(|line| self.tone(tone_of(line), line))
            .collect();
        self.print(&coloured.join("\n"))
    }
}

fn unwritable(error: serde_json::Error) -> CliError {
    CliError::Output(error.into())
}

/// Says to people what went wrong.
pub fn complain(message: &str) {
    // Where even standard error is closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// The signs of the reports say what a line is.
fn tone_of(line: &str) -> Tone {
    match line.trim_start().chars().next() {
        Some('✓') => Tone::Good,
        Some('⚠') => Tone::Careful,
        Some('✗' | '✖') => Tone::Bad,
        Some('ℹ') => Tone::Faint,
        Some(_) if !line.starts_with(' ') => Tone::Strong,
        Some(_) | None => Tone::Plain,
    }
}
