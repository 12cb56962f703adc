//! What agents are told of a visitor, as it rests.

use alloc::boxed::Box;
use alloc::string::String;

use coview_wire::PresenceData;
use coview_wire::Profile;

/// The profile and the presence data of a visitor in one text.
///
/// As they come they take some six hundred bytes in seven pieces, and most visitors are idle. The
/// text has, each ended by a NUL, which none of them may have: name, e-mail address and phone number,
/// with a `=` before those that are set, and then the keys and values of the data. If there is nothing
/// to tell it is empty.
#[derive(Clone, Debug)]
pub(crate) struct Told(Box<str>);

/// How many pieces a profile has.
const PROFILE: usize = 3;

impl Told {
    pub(crate) fn new(profile: &Profile, data: &PresenceData) -> Self {
        if profile.is_empty() && data.is_empty() {
            return Self("".into());
        }
        let profile = [profile.name(), profile.email(), profile.phone()];
        let bytes = profile.iter().map(|part| part.map_or(1, |part| part.len() + 2)).sum::<usize>()
            + data.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>();
        let mut text = String::with_capacity(bytes);
        for part in profile {
            if let Some(part) = part {
                text.push('=');
                text.push_str(part);
            }
            text.push('\0');
        }
        for part in data.iter().flat_map(|(key, value)| [key, value]) {
            text.push_str(part);
            text.push('\0');
        }
        Self(text.into_boxed_str())
    }

    pub(crate) fn set_profile(&mut self, profile: &Profile) {
        *self = Self::new(profile, &self.data());
    }

    pub(crate) fn set_data(&mut self, data: &PresenceData) {
        *self = Self::new(&self.profile(), data);
    }

    pub(crate) fn profile(&self) -> Profile {
        const KEPT: &str = "it kept the limits when it was packed";
        let mut parts = self.0.split_terminator('\0').map(|part| part.strip_prefix('='));
        let mut next = || parts.next().flatten();
        let mut profile = Profile::new();
        if let Some(name) = next() {
            profile = profile.with_name(name).expect(KEPT);
        }
        if let Some(email) = next() {
            profile = profile.with_email(email).expect(KEPT);
        }
        if let Some(phone) = next() {
            profile = profile.with_phone(phone).expect(KEPT);
        }
        profile
    }

    pub(crate) fn data(&self) -> PresenceData {
        let mut parts = self.0.split_terminator('\0').skip(PROFILE);
        let mut data = PresenceData::new();
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            data = data.with(key, value).expect("it kept the limits when it was packed");
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(texts: &[Option<String>; PROFILE]) -> Profile {
        let [name, email, phone] = texts.each_ref().map(Option::as_deref);
        let mut profile = Profile::new();
        if let Some(name) = name {
            profile = profile.with_name(name).unwrap();
        }
        if let Some(email) = email {
            profile = profile.with_email(email).unwrap();
        }
        if let Some(phone) = phone {
            profile = profile.with_phone(phone).unwrap();
        }
        profile
    }

    fn data(entries: &[(String, String)]) -> PresenceData {
        entries
            .iter()
            .fold(PresenceData::new(), |data, (key, value)| data.with(key, value).unwrap())
    }

    fn profiles() -> impl Strategy<Value = Profile> {
        // Also the empty text, which is not the same as none, and what stands for being set.
        let text = || proptest::option::of("[=é ]{0,3}");
        [text(), text(), text()].prop_map(|texts| profile(&texts))
    }

    fn datas() -> impl Strategy<Value = PresenceData> {
        let entries = proptest::collection::vec(("[a-e.=]", "[=é ]{0,3}"), 0..4);
        entries.prop_map(|entries| {
            let valid: alloc::vec::Vec<_> =
                entries.into_iter().filter(|(key, _)| key != "=").collect();
            data(&valid)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_packed_unpacks_to_the_same(
            profile in profiles(), data in datas(), later in profiles(), changed in datas(),
        ) {
            let mut told = Told::new(&profile, &data);
            prop_assert!(told.profile() == profile && told.data() == data);
            told.set_data(&changed);
            prop_assert!(told.profile() == profile && told.data() == changed);
            told.set_profile(&later);
            prop_assert!(told.profile() == later && told.data() == changed);
        }
    }

    #[test]
    fn the_largest_data_there_may_be_is_packed_too() {
        let value = "\"".repeat(126);
        let data = (0..32).fold(PresenceData::new(), |data, at| {
            data.with(&alloc::format!("{at:02}"), &value).unwrap()
        });
        assert_eq!(Told::new(&Profile::new(), &data).data(), data);
        assert!(Told::new(&Profile::new(), &PresenceData::new()).0.is_empty());
    }
}
