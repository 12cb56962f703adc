//! The time of a record as text: RFC 3339, UTC, whole seconds.

use coview_wire::UnixTime;

const DAY: u64 = 24 * 60 * 60;

/// The last second a four-digit year has.
const LAST: u64 = 253_402_300_799;

/// Writes `2026-11-23T01:20:00Z`. Two such texts compare as the times they are of.
pub(crate) fn write(time: UnixTime) -> String {
    let seconds = time.get().min(LAST);
    let (year, month, day) = date(seconds / DAY);
    let of_day = seconds % DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads what [`write`] wrote, and nothing else.
pub(crate) fn read(text: &str) -> Option<UnixTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day)? * DAY + hour * 3600 + minute * 60 + second;
    let time = UnixTime::new(seconds);
    // Whatever is not exactly this form, a 31st of February too, is written differently.
    (write(time) == text).then_some(time)
}

/// The days from the beginning of 1970 to a date. The year is counted from March, so that the day
/// that comes and goes is its last; 400 years are 146,097 days.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let (era, of_era) = (year / 400, year % 400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    days.checked_sub(719_468)
}

fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_calendars_have_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_795_396_800, "2026-11-23T01:20:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(write(UnixTime::new(seconds)), text);
            assert_eq!(read(text), Some(UnixTime::new(seconds)), "{text}");
        }
        assert_eq!(write(UnixTime::new(u64::MAX)), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn every_day_of_four_centuries_is_read_as_it_was_written() {
        for day in 0..146_097 {
            let time = UnixTime::new(day * DAY + 1);
            assert_eq!(read(&write(time)), Some(time));
        }
    }

    #[test]
    fn no_other_form_is_a_time() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23 00:00:00Z",
            "2026-11-23T00:00:00+00:00",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "+026-11-23T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-23T00:00:00Z ",
            "２０26-11-23T00:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
