//! Who runs this process, and where: for locks, logs and histories. By the machine's own word; nothing is granted by it.

use std::os::unix::fs::MetadataExt;

/// The longest name that is told, in characters.
const MAX_CHARS: usize = 64;

/// This machine's name; `localhost` where it has none.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match tidy(&name).as_str() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// `user@host` of this process. A user that the machine's list does not have (one of a directory service) is who `$USER`
/// says, else its number.
pub fn user_at_host() -> String {
    let uid = std::fs::metadata("/proc/self").map(|m| m.uid()).ok();
    let list = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let said = std::env::var("USER").unwrap_or_default();
    format!("{}@{}", user(uid, &list, &said), host_name())
}

/// Of a number, the lines of passwd(5), and what the environment says.
fn user(uid: Option<u32>, passwd: &str, said: &str) -> String {
    let listed = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse().ok() == uid && uid.is_some()).then_some(name)
    });
    match (tidy(listed.unwrap_or(said)).as_str(), uid) {
        ("", Some(uid)) => format!("uid-{uid}"),
        ("", None) => "somebody".to_owned(),
        (name, _) => name.to_owned(),
    }
}

/// A name as it may be shown and sent: visible ASCII without blanks, and not long.
fn tidy(name: &str) -> String {
    name.trim().chars().filter(char::is_ascii_graphic).take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_a_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(user(Some(1000), passwd, "other"), "ada");
        assert_eq!(user(Some(1001), passwd, "grace"), "grace");
        assert_eq!(user(Some(1001), passwd, ""), "uid-1001");
        assert_eq!(user(None, passwd, "a\nb c"), "abc");
        let here = user_at_host();
        assert!(here.contains('@') && here.is_ascii() && !here.contains(' '), "{here}");
    }
}
