//! Signed tokens of agents, and assertions about visitors: made, and checked.
//!
//! A server must not believe who somebody says to be. The operator's backend, which knows its agents
//! and its customers, signs it: an *agent token* says who an agent is and what the agent may do; a
//! *visitor assertion* says which customer uses the app. Both are JSON Web Tokens (RFC 7519), so every
//! backend has a library that makes them. This crate makes them too, for tests, for trying out, and
//! for backends in Rust.
//!
//! It does *not* know what time it is (that is an argument), remember which tokens were used, fetch
//! keys from anywhere, encrypt, or speak OAuth. What is accepted is narrow on purpose, see below.
//!
//! ```
//! use core::time::Duration;
//! use coview_token::{Algorithm, SigningKey, VerifyingKeys, VisitorClaims};
//! use coview_wire::{GroupId, UnixTime, VisitorId};
//!
//! // In the backend of the app, after the customer has logged in there.
//! let key = SigningKey::generate(Algorithm::EdDsa)?;
//! let (group, ada) = (GroupId::new("12345")?, VisitorId::new("customer-42")?);
//! let now = UnixTime::new(1_800_000_000); // from the clock
//! let quarter = Duration::from_secs(15 * 60);
//! let assertion = VisitorClaims::new(group.clone(), ada.clone()).sign(&key, now, quarter)?;
//!
//! // On the server, which has the public key only.
//! let keys = VerifyingKeys::from_pem(&key.public_pem().unwrap())?;
//! let proof = keys.visitor(&group, &assertion, now, quarter)?;
//! assert_eq!(proof.visitor, ada);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What stands in a token
//!
//! | claim | agent token | visitor assertion |
//! |---|---|---|
//! | `aud` | `"coview-agent"` | `"coview-visitor"` |
//! | `group` | the group's id | the group's id |
//! | `sub` | the agent's id | the visitor's id |
//! | `name` | the name visitors see, 1 to 64 characters | |
//! | `exp` | when it expires | when it expires |
//! | `iat`, `nbf` | optional: not good before | the same |
//! | `jti` | optional, 1 to 256 bytes: good for one use | the same |
//! | `visitors` | optional: only these visitor ids, at most 64 | |
//! | `view_only` | optional: `true` forbids to end and to eject | |
//! | `manual_keys` | optional: `false` forbids to join with a key | |
//! | `max_guests` | optional: so many agents in a session at most | |
//!
//! Other claims are ignored, as RFC 7519 demands: a misspelt restriction restricts nothing. One that
//! is spelt right and cannot be understood, `null` included, makes the token worthless.
//!
//! # In a backend of another language
//!
//! Any library for JWT will do. With `jose` for Node, and the private key that `coview keys new` or
//! `openssl genpkey -algorithm ed25519` wrote:
//!
//! ```js
//! const key = await importPKCS8(pem, "EdDSA");
//! const token = await new SignJWT({ group: "12345", name: "Grace Hopper" })
//!   .setProtectedHeader({ alg: "EdDSA" })
//!   .setAudience("coview-agent").setSubject("grace").setExpirationTime("1h").sign(key);
//! ```
//!
//! With PyJWT, an assertion about a visitor who has logged in:
//!
//! ```python
//! claims = {"aud": "coview-visitor", "group": "12345", "sub": "customer-42", "exp": time.time() + 300}
//! assertion = jwt.encode(claims, pem, algorithm="EdDSA")
//! ```
//!
//! # What is accepted
//!
//! * **Algorithms**: EdDSA with Ed25519, ES256, HS256. Each key has one algorithm, and checks only
//!   tokens that name it: a public key is never a shared secret, and `none` is no algorithm.
//! * **Keys**: those the server was given. `jwk`, `jku`, `x5u` and `x5c` of a header are not looked at.
//! * **Form**: three parts in base64url with neither padding nor bits left over, at most
//!   [`limits::TOKEN_BYTES`](coview_wire::limits::TOKEN_BYTES) (the types of tokens hold no longer
//!   ones), JSON objects in which no name stands
//!   twice. A header with `crit`, `zip`, `enc` or `cty`, or a `typ` other than `JWT`, is refused.
//! * **Purpose**: exactly one audience, so an agent's token is no assertion, nor the other way round,
//!   even if one key signs both.
//! * **Time**: `exp` is needed, may be over for less than [`LEEWAY`], and may be ahead for no longer
//!   than the caller allows; `nbf` and `iat` may be ahead for no longer than [`LEEWAY`].
//!
//! The order is: form, key, signature, then claims. Nothing that was not signed is believed, and no
//! error repeats anything of a token.

mod algorithm;
mod check;
mod claims;
mod error;
mod jwks;
mod object;
mod public;
mod secret;
mod signing;
mod verifying;

use core::time::Duration;

pub use crate::algorithm::Algorithm;
pub use crate::check::OnceId;
pub use crate::check::VerifiedAgent;
pub use crate::check::VerifiedVisitor;
pub use crate::claims::AgentClaims;
pub use crate::claims::VisitorClaims;
pub use crate::error::KeyError;
pub use crate::error::SignError;
pub use crate::error::TokenError;
pub use crate::secret::Secret;
pub use crate::signing::SigningKey;
pub use crate::verifying::KeyName;
pub use crate::verifying::VerifyingKeys;

/// How far the clocks of signer and server may be apart: 30 seconds.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// The `aud` of agents' tokens.
pub const AGENT: &str = "coview-agent";
/// The `aud` of assertions about visitors.
pub const VISITOR: &str = "coview-visitor";

/// The longest `kid`, in characters.
const KEY_ID: usize = 128;
/// The longest `jti`, in bytes.
const JTI_BYTES: usize = 256;
