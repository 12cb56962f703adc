use core::time::Duration;

use coview_hub::Policy;
use serde::Deserialize;

use super::fault::Faults;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    key_unclaimed_seconds: Option<u32>,
    terms_unanswered_seconds: Option<u32>,
    resume_grace_seconds: Option<u32>,
    background_lease_seconds: Option<u32>,
    heartbeat_seconds: Option<u32>,
    missed_heartbeats: Option<u8>,
    first_reply_seconds: Option<u32>,
    key_reuse_seconds: Option<u32>,
    keys_remembered: Option<u32>,
    key_tries: Option<u32>,
    key_tries_network: Option<u32>,
    key_tries_group: Option<u32>,
    key_tries_window_seconds: Option<u32>,
    key_odds: Option<u32>,
    key_wait_seconds: Option<u32>,
    key_wait_max_seconds: Option<u32>,
    key_wait_forgotten_seconds: Option<u32>,
    max_guests: Option<u32>,
    max_devices: Option<u32>,
    max_places: Option<u32>,
    presence_pace_milliseconds: Option<u32>,
    mask_pace_milliseconds: Option<u32>,
    one_use_tokens: Option<u32>,
    problems_per_minute: Option<u32>,
    begins_per_minute: Option<u32>,
    asks_in_vain: Option<u32>,
    asks_in_vain_window_seconds: Option<u32>,
    joins_in_vain: Option<u32>,
}

/// The slowest pace of cards and of records: a minute. Agents would take a slower one for a fault.
const SLOWEST_PACE_MILLISECONDS: u32 = 60_000;

impl PolicyFile {
    pub(super) fn into_policy(self, faults: &mut Faults) -> Policy {
        let default = Policy::default();
        macro_rules! seconds {
            ($key:ident, $field:ident) => {
                faults.seconds(concat!("policy.", stringify!($key)), self.$key, default.$field)
            };
        }
        macro_rules! pace {
            ($key:ident, $field:ident) => {
                match self.$key {
                    None => default.$field,
                    Some(millis @ 1..=SLOWEST_PACE_MILLISECONDS) => {
                        Duration::from_millis(millis.into())
                    }
                    Some(millis) => {
                        faults.add(format!(
                            concat!("policy.", stringify!($key), " is {}; it may be 1 to {}"),
                            millis, SLOWEST_PACE_MILLISECONDS
                        ));
                        default.$field
                    }
                }
            };
        }
        macro_rules! count {
            ($key:ident) => {
                faults.at_least_one(concat!("policy.", stringify!($key)), self.$key, default.$key)
            };
        }
        let policy = Policy {
            key_unclaimed: seconds!(key_unclaimed_seconds, key_unclaimed),
            terms_unanswered: seconds!(terms_unanswered_seconds, terms_unanswered),
            resume_grace: seconds!(resume_grace_seconds, resume_grace),
            background_lease: seconds!(background_lease_seconds, background_lease),
            heartbeat: seconds!(heartbeat_seconds, heartbeat),
            missed_heartbeats: self.missed_heartbeats.unwrap_or(default.missed_heartbeats),
            first_reply: seconds!(first_reply_seconds, first_reply),
            key_reuse: seconds!(key_reuse_seconds, key_reuse),
            keys_remembered: count!(keys_remembered),
            key_tries: count!(key_tries),
            key_tries_network: count!(key_tries_network),
            key_tries_group: count!(key_tries_group),
            key_tries_window: seconds!(key_tries_window_seconds, key_tries_window),
            key_odds: count!(key_odds),
            key_wait: seconds!(key_wait_seconds, key_wait),
            key_wait_max: seconds!(key_wait_max_seconds, key_wait_max),
            key_wait_forgotten: seconds!(key_wait_forgotten_seconds, key_wait_forgotten),
            max_guests: count!(max_guests),
            max_devices: count!(max_devices),
            max_places: count!(max_places),
            presence_pace: pace!(presence_pace_milliseconds, presence_pace),
            mask_pace: pace!(mask_pace_milliseconds, mask_pace),
            one_use_tokens: count!(one_use_tokens),
            problems_per_minute: count!(problems_per_minute),
            begins_per_minute: count!(begins_per_minute),
            asks_in_vain: count!(asks_in_vain),
            asks_in_vain_window: seconds!(asks_in_vain_window_seconds, asks_in_vain_window),
            joins_in_vain: count!(joins_in_vain),
        };
        if policy.key_wait_max < policy.key_wait {
            faults.add("policy.key_wait_max_seconds is less than policy.key_wait_seconds");
        }
        policy
    }
}
