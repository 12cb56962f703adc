use core::fmt;
use core::time::Duration;

/// All that is wrong with a configuration, one fault a line.
///
/// ```
/// use coview_server::{ConfigError, ServerConfig};
///
/// let text = "[limits]\nconnections = 0\n[policy]\nkey_tries = 0\n";
/// let Err(ConfigError::Faults(faults)) = ServerConfig::from_toml(text) else { panic!() };
/// assert_eq!(faults.iter().count(), 3, "{faults}"); // there is no group, either
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Box<str>>);

impl Faults {
    /// Each fault, in the order of the sections.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|fault| &**fault)
    }

    pub(super) fn add(&mut self, fault: impl Into<Box<str>>) {
        self.0.push(fault.into());
    }

    /// What is right, if it is; what is wrong is noted.
    pub(super) fn sift<T, E: fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(right) => Some(right),
            Err(wrong) => {
                self.add(wrong.to_string());
                None
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A time from a second to a day; longer is a slip of the keyboard.
    pub(super) fn seconds(&mut self, key: &str, given: Option<u32>, default: Duration) -> Duration {
        const LONGEST: u32 = 24 * 60 * 60;
        match given {
            None => default,
            Some(seconds @ 1..=LONGEST) => Duration::from_secs(seconds.into()),
            Some(seconds) => {
                self.add(format!("{key} is {seconds}; it may be 1 to {LONGEST}"));
                default
            }
        }
    }

    /// The same, or no time at all.
    pub(super) fn seconds_or_none(
        &mut self,
        key: &str,
        given: Option<u32>,
        default: Duration,
    ) -> Duration {
        if given == Some(0) { Duration::ZERO } else { self.seconds(key, given, default) }
    }

    pub(super) fn at_least_one<T: PartialEq + From<u8>>(
        &mut self,
        key: &str,
        given: Option<T>,
        default: T,
    ) -> T {
        match given {
            None => default,
            Some(number) if number == T::from(0) => {
                self.add(format!("{key} is 0; it must be at least 1"));
                default
            }
            Some(number) => number,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(fault)?;
        }
        Ok(())
    }
}
