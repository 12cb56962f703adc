use coview_server::ServerConfig;

/// Reads the input as a server's configuration. A fault is told in words, and what is read tells
/// nothing secret of itself.
pub fn config(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    // A configuration names files of keys. Whoever writes one may read them; but these never end.
    if ["/dev", "/proc", "/sys"].iter().any(|folder| text.contains(folder)) {
        return;
    }
    match ServerConfig::from_toml(text) {
        Ok(config) => drop(format!("{config:?}")),
        Err(error) => assert!(!error.to_string().is_empty(), "a fault without words"),
    }
}
