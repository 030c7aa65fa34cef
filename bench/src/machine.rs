//! CPU time and memory of processes, from `/proc`.

use std::fs;

/// Length of a tick of `/proc/PID/stat` in microseconds: `USER_HZ` is 100 on Linux's every machine.
const TICK_MICROS: u64 = 10_000;

/// CPU time of a process and its threads so far, user and system, in microseconds.
pub fn cpu_micros(pid: i32) -> Option<u64> {
    cpu_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The 14th and 15th field; the second, the name, may hold blanks and parentheses.
fn cpu_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks * TICK_MICROS)
}

/// Resident memory in KiB.
pub fn resident_kib(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_user_and_system() {
        let stat = "42 (a ) b) S 1 1 1 0 -1 4194560 10 0 0 0 150 50 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_of(stat), Some(2_000_000));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_kib(std::process::id().try_into().unwrap()).unwrap() > 100);
    }
}
