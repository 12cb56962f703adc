use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use coview_hub::GroupConfig;
use coview_hub::KeyUse;
use coview_wire::ClientToken;
use coview_wire::GroupId;
use coview_wire::KeyLength;
use coview_wire::Terms;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::fault::Faults;
use super::keys::KeysFile;
use crate::origins;
use crate::proofs::Lifetimes;
use crate::proofs::TokenProofs;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupFile {
    pub(super) id: GroupId,
    client_token: Option<ClientToken>,
    #[serde(default = "yes")]
    share_button: bool,
    #[serde(default = "yes")]
    presence: bool,
    #[serde(default)]
    key_digits: KeyLength,
    #[serde(default)]
    key_use: KeyUseFile,
    #[serde(default)]
    confirm_join: bool,
    #[serde(default)]
    expiry_ends_sessions: bool,
    max_connections: Option<u32>,
    #[serde(default)]
    origins: Vec<String>,
    terms: TermsFile,
    #[serde(default)]
    tokens: KeysFile,
    #[serde(default)]
    assertions: AssertionsFile,
    /// What former versions had in place of `tokens`.
    agents: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyUseFile {
    #[default]
    Session,
    Once,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsFile {
    version: String,
    text: String,
    language: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertionsFile {
    #[serde(default = "yes")]
    needed: bool,
    #[serde(default)]
    keys: Vec<PathBuf>,
    secret_file: Option<PathBuf>,
    max_minutes: Option<u32>,
}

impl Default for AssertionsFile {
    fn default() -> Self {
        Self { needed: true, keys: Vec::new(), secret_file: None, max_minutes: None }
    }
}

const fn yes() -> bool {
    true
}

impl GroupFile {
    pub(super) fn load(
        self,
        folder: &Path,
        faults: &mut Faults,
        warnings: &mut Vec<String>,
    ) -> Option<GroupConfig> {
        let id = self.id;
        let section = |name: &str| format!("group {id}: {name}");
        if self.agents.is_some() {
            faults.add(format!(
                "group {id}: `agents` with tokens that never expire are no longer read; agents sign \
                 in with signed tokens, and [group.tokens] names the keys: make a pair with `coview \
                 keys new --out agents`"
            ));
        }
        let mut origins = BTreeSet::new();
        for origin in &self.origins {
            let origin = origins::normal(origin)
                .map_err(|error| format!("{} has {origin:?}: {error}", section("origins")));
            origins.extend(faults.sift(origin));
        }
        let max_connections = self
            .max_connections
            .map(|given| faults.at_least_one(&section("max_connections"), Some(given), 1));
        let wrong = |error| format!("group {id}: {error}");
        let terms = Terms::new(&self.terms.version, &self.terms.text).and_then(|terms| match &self
            .terms
            .language
        {
            Some(tag) => terms.with_language(tag),
            None => Ok(terms),
        });
        let terms = faults.sift(terms.map_err(wrong));

        let (tokens, assertions) = (section("[group.tokens]"), section("[group.assertions]"));
        let AssertionsFile { needed, keys, secret_file, max_minutes } = self.assertions;
        let of_visitors = KeysFile::new(keys, secret_file, max_minutes);
        let default = Lifetimes::default();
        let lifetimes = Lifetimes {
            agent: self.tokens.lifetime(&tokens, default.agent, faults),
            visitor: of_visitors.lifetime(&assertions, default.visitor, faults),
        };
        let proofs = TokenProofs::new(
            self.tokens.load(&tokens, folder, faults),
            of_visitors.load(&assertions, folder, faults),
            lifetimes,
        );
        if self.tokens.names_none() {
            warnings.push(format!(
                "{tokens} names no key, so nobody can sign in as an agent: make a pair with `coview \
                 keys new --out agents`, and write keys = [\"agents.pub.pem\"]"
            ));
        }
        if needed && of_visitors.names_none() {
            warnings.push(format!(
                "{assertions} names no key, so no visitor can say who it is: name the public key of \
                 the app's backend in `keys`"
            ));
        }
        if !needed {
            warnings.push(format!(
                "group {id}: assertions are not needed, so anybody with the client token can be any \
                 visitor: for trying things out only"
            ));
        }
        Some(GroupConfig {
            client_token: self.client_token,
            share_button: self.share_button,
            presence: self.presence,
            key_digits: self.key_digits,
            proofs: Arc::new(proofs),
            assertion_needed: needed,
            origins,
            confirm_join: self.confirm_join,
            key_use: match self.key_use {
                KeyUseFile::Session => KeyUse::Session,
                KeyUseFile::Once => KeyUse::Once,
            },
            expiry_ends_sessions: self.expiry_ends_sessions,
            max_connections,
            ..GroupConfig::new(terms?)
        })
    }
}
