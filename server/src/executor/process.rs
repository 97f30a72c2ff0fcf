//! Which process this is, and whether another one of this machine still runs.

/// The machine's name; empty where the system does not say.
pub(super) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// This process: its id, and when it started, for ids come round again.
pub(super) fn own() -> String {
    let pid = std::process::id();
    format!("{pid}:{}", started(pid).unwrap_or_default())
}

/// Whether that process is another one than this, and runs. Of another machine, and where the
/// system tells nothing about processes, this says no: the caller knows that both share an owner.
pub(super) fn other_is_alive(on: &str, process: &str) -> bool {
    if on != host() || process == own() {
        return false;
    }
    let Some((pid, start)) = process.split_once(':') else {
        return false;
    };
    pid.parse()
        .ok()
        .and_then(started)
        .is_some_and(|now| now == start)
}

/// When the process started, in the kernel's ticks; `None` where it does not run.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold blanks and brackets; the fields are counted after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    match fields.next()? {
        // A killed process that nobody has waited for yet.
        "Z" | "X" => None,
        _ => fields.nth(18).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_another_one_and_a_child_is_until_it_is_reaped() {
        assert!(!other_is_alive(&host(), &own()));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let name = format!("{}:{}", child.id(), started(child.id()).unwrap());
        assert!(other_is_alive(&host(), &name));
        assert!(!other_is_alive("elsewhere", &name));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!other_is_alive(&host(), &name));
    }
}
