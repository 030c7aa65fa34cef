//! What `--version` prints: the line that Vitess's test suite parses.

/// `Version: 24.0.0 (Git revision ... branch '...') built on ... by ... using rustc ... linux/amd64`.
pub fn version_text() -> String {
    format!(
        "Version: {} (Git revision {} branch '{}') built on {} by vivace using rust {}/{}",
        env!("CARGO_PKG_VERSION"),
        option_env!("VIVACE_GIT_REVISION").unwrap_or("unknown"),
        option_env!("VIVACE_GIT_BRANCH").unwrap_or("unknown"),
        option_env!("VIVACE_BUILD_TIME").unwrap_or("unknown"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}
