//! The rules of identity, without I/O: what is a valid address or password, when
//! is an attempt refused, what happens to a refresh token, which key signs.

pub mod access_token;
pub mod client_address;
mod common_passwords;
pub mod email;
pub mod opaque;
pub mod password;
pub mod password_hash;
pub mod role;
pub mod sealing;
pub mod service_account;
pub mod session;
pub mod signing_key;
pub mod throttle;
pub mod user;
